"""Answers the executor's messages."""

from services.executor.attempt import carry_out
from services.executor.cache import evict
from services.executor.inquiry import Inquiry
from services.executor.making_room import make_room
from services.executor.training import WarmTrainer
from shared.answering import Lease
from shared.contracts.discard import DiscardRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import ArtifactSettings, QueueSettings, TeacherSettings


def run(queue: QueueSettings, artifacts: ArtifactSettings, teacher: TeacherSettings) -> None:
    """Train runs, and remove what they have left, one at a time until told to stop."""
    trainer = WarmTrainer(grace_s=queue.stop_grace_s, teacher=teacher)
    trainer.warm_up()
    folder = artifacts.folder.resolve()

    def perform(lease: Lease) -> Result:
        if isinstance(lease.claim.request, DiscardRequest):
            return make_room(lease.claim.request, folder)
        try:
            return carry_out(lease, trainer=trainer, artifacts=folder)
        finally:
            evict(folder.glob("*/data"), int(artifacts.data_gib * 2**30))

    machine = Inquiry(trainer.capabilities)
    serve("executor", queue, perform=perform, can=machine.answer)
