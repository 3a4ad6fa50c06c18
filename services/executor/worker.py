"""Answers the executor's messages."""

from services.executor.attempt import carry_out
from services.executor.cache import evict
from services.executor.launchers.accelerate import AccelerateLauncher
from services.executor.launchers.launcher import Launcher
from services.executor.launchers.local import WarmTrainer
from shared.answering import Lease
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import ArtifactSettings, LauncherSettings, QueueSettings


def run(queue: QueueSettings, artifacts: ArtifactSettings, launching: LauncherSettings) -> None:
    """Train runs one at a time until told to stop."""
    launcher = launcher_of(launching, queue)
    folder = artifacts.folder.resolve()

    def perform(lease: Lease) -> Result:
        try:
            return carry_out(lease, launcher=launcher, artifacts=folder)
        finally:
            evict(folder.glob("*/data"), int(artifacts.data_gib * 2**30))

    serve("executor", queue, perform=perform)


def launcher_of(settings: LauncherSettings, queue: QueueSettings) -> Launcher:
    """Return what starts training where the settings say."""
    times = {"grace_s": queue.stop_grace_s, "heartbeat_s": queue.heartbeat_s}
    match settings.kind:
        case "local":
            trainer = WarmTrainer(grace_s=queue.stop_grace_s)
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
