"""Answers the executor's messages."""

from services.executor.attempt import carry_out
from services.executor.cache import evict
from services.executor.launchers.local import WarmTrainer
from shared.answering import Lease
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import ArtifactSettings, QueueSettings


def run(queue: QueueSettings, artifacts: ArtifactSettings) -> None:
    """Train runs one at a time until told to stop."""
    trainer = WarmTrainer(grace_s=queue.stop_grace_s)
    trainer.warm_up()
    folder = artifacts.folder.resolve()

    def perform(lease: Lease) -> Result:
        try:
            return carry_out(lease, launcher=trainer, artifacts=folder)
        finally:
            evict(folder.glob("*/data"), int(artifacts.data_gib * 2**30))

    serve("executor", queue, perform=perform)
