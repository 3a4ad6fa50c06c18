"""Answers the executor's messages."""

from functools import partial

from services.executor.attempt import carry_out
from services.executor.gpus import take_gpus
from services.executor.inquiry import Inquiry
from services.executor.launchers.accelerate import AccelerateLauncher
from services.executor.launchers.launcher import Launcher
from services.executor.launchers.local import WarmTrainer
from services.executor.making_room import make_room
from shared.answering import Lease
from shared.artifacts.artifacts import Artifacts
from shared.cache import evict
from shared.contracts.discard import DiscardRequest
from shared.contracts.work import Result
from shared.healthy import write_health
from shared.serving import knock, serve
from shared.settings import ArtifactSettings, LauncherSettings, QueueSettings, TeacherSettings
from shared.telemetry.gpus import watch_gpus
from shared.writable import refuse_unwritable


def run(
    queue: QueueSettings,
    artifacts: ArtifactSettings,
    teacher: TeacherSettings,
    launching: LauncherSettings,
) -> None:
    """Train runs, and remove what they have left, one at a time until told to stop.

    Raises:
        Rejected: the folder for artifacts cannot be written, or the URL of their store is none.
        StoreUnavailable: as `knock`.
        Unavailable: the store of artifacts does not answer.
    """
    knock(queue)
    refuse_unwritable(artifacts.folder, "TREX_ARTIFACTS_FOLDER")
    trainer = WarmTrainer(grace_s=queue.stop_grace_s, teacher=teacher)
    launcher = launcher_of(launching, queue, trainer)
    watch_gpus()
    store = Artifacts(artifacts)
    store.check()

    def answer(lease: Lease) -> Result:
        return perform(lease, launcher=launcher, artifacts=store, data_gib=artifacts.data_gib)

    if launching.kind in ("slurm", "kubernetes"):
        # Nobody knows what a cluster can train.
        serve("executor", queue, perform=answer, folder=store.folder)
        return
    machine = Inquiry(trainer.capabilities)
    serve("executor", queue, perform=answer, can=machine.answer, folder=store.folder)


def perform(lease: Lease, *, launcher: Launcher, artifacts: Artifacts, data_gib: float) -> Result:
    """Do what a claim asks for: train, or remove folders. Prepared data is kept within its bound.

    Raises:
        GivenUp, OutOfTime, TrainingFailed: as `carry_out`.
    """
    if isinstance(lease.claim.request, DiscardRequest):
        return make_room(lease.claim.request, artifacts)
    try:
        return carry_out(lease, launcher=launcher, artifacts=artifacts)
    finally:
        evict(artifacts.folder.glob("*/data"), int(data_gib * 2**30))


def launcher_of(settings: LauncherSettings, queue: QueueSettings, trainer: WarmTrainer) -> Launcher:
    """Return what starts training where the settings say; ``trainer`` does so in this process.

    On this machine it wants GPUs of its own, and waits for them, in good health.

    Raises:
        Rejected, Unavailable: as `take_gpus`.
    """
    if settings.gpu_locks is not None and settings.kind in ("local", "accelerate"):
        take_gpus(settings.gpu_locks, settings.processes, waits=partial(_is_well, queue))
    times = {"grace_s": queue.stop_grace_s, "heartbeat_s": queue.heartbeat_s}
    match settings.kind:
        case "local":
            trainer.warm_up()
            return trainer
        case "accelerate":
            return AccelerateLauncher(processes=settings.processes, **times)
        case "slurm":
            from services.executor.launchers.slurm import SlurmLauncher

            return SlurmLauncher(
                processes=settings.processes,
                gpus=settings.gpus,
                partition=settings.partition,
                cpus=settings.cpus,
                memory_gib=settings.memory_gib,
                **times,
            )
        case "kubernetes":
            from services.executor.launchers.kubernetes import KubernetesLauncher

            assert settings.image is not None  # as the settings themselves make sure
            return KubernetesLauncher(
                api=settings.api,
                namespace=settings.namespace,
                image=settings.image,
                volumes=settings.volumes,
                processes=settings.processes,
                gpus=settings.gpus,
                cpus=settings.cpus,
                memory_gib=settings.memory_gib,
                **times,
            )


def _is_well(queue: QueueSettings, sentence: str) -> None:
    if queue.health is not None:
        write_health(queue.health, for_s=queue.gone_s, sentence=sentence)
