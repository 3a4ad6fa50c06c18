"""Answers the executor's messages."""

from services.executor.attempt import carry_out
from services.executor.cache import evict
from services.executor.training import WarmTrainer
from shared.answering import Lease
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import ArtifactSettings, QueueSettings, TeacherSettings


def run(queue: QueueSettings, artifacts: ArtifactSettings, teacher: TeacherSettings) -> None:
    """Train runs one at a time until told to stop."""
    trainer = WarmTrainer(grace_s=queue.stop_grace_s, teacher=teacher)
    trainer.warm_up()
    folder = artifacts.folder.resolve()

    def perform(lease: Lease) -> Result:
        try:
            return carry_out(lease, trainer=trainer, artifacts=folder)
        finally:
            evict(folder.glob("*/data"), int(artifacts.data_gib * 2**30))

    serve("executor", queue, perform=perform)
