"""Trains in a job of Slurm, submitted and watched with submitit.

The job is one task of one machine with a device for each process. What passes between it and the
worker is in the attempt's folder, which both see under the same path; of Slurm is asked only
whether the job is still there.
"""

import logging
import math
import os
import subprocess
from pathlib import Path
from typing import Any

from submitit import SlurmExecutor

from services.executor.launchers.accelerate import command
from services.executor.launchers.elsewhere import TrainingElsewhere, lay_out
from services.executor.launchers.launcher import LATE_S, SAVE_S
from shared.contracts.run import RunRequest
from shared.errors import TrainingFailed

LOOK_S = 15.0
"""Seconds between two questions to Slurm's accounting."""

_LIMIT_MARGIN_S = 600.0
"""Seconds past which Slurm ends a job that its worker should have ended long before."""

_THERE = {
    "UNKNOWN",  # what submitit makes of a job that accounting does not know yet
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "SUSPENDED",
    "RESIZING",
    "REQUEUED",
    "COMPLETING",
}


class SlurmLauncher:
    """Submits a job for each run; see `Launcher`."""

    def __init__(
        self,
        *,
        processes: int,
        gpus: bool,
        partition: str | None,
        cpus: int | None,
        memory_gib: int | None,
        grace_s: float,
        heartbeat_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        self._processes, self._grace_s, self._heartbeat_s = processes, grace_s, heartbeat_s
        self._look_s = look_s
        wanted = {
            "partition": partition,
            "gpus_per_node": processes if gpus else None,
            "cpus_per_task": None if cpus is None else cpus * processes,
            "mem": None if memory_gib is None else f"{memory_gib}G",
        }
        self._wanted = {name: value for name, value in wanted.items() if value is not None}

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> TrainingElsewhere:
        """Submit a job that carries out a run; see `Launcher.start`.

        Raises:
            TrainingFailed: Slurm refuses the job.
        """
        pulse = lay_out(
            request,
            folder,
            cache,
            interrupted=interrupted,
            processes=self._processes,
            heartbeat_s=self._heartbeat_s,
        )
        try:
            executor = SlurmExecutor(folder=folder.with_name("slurm"))
            executor.update_parameters(
                job_name=f"trex-{request.job_id}-{request.experiment}",
                time=math.ceil((request.limit_s + LATE_S + SAVE_S + _LIMIT_MARGIN_S) / 60),
                nodes=1,
                ntasks_per_node=1,
                stderr_to_stdout=True,
                additional_parameters={"no-requeue": True},  # that is the planner's business
                **self._wanted,
            )
            job = executor.submit(become, command(folder.parent))
        except (RuntimeError, OSError) as error:
            raise TrainingFailed(
                f"wanted Slurm to take the run, found: {' '.join(str(error).split())[:1000]}; "
                "correct TREX_LAUNCHER_* or ask whoever runs the cluster"
            ) from None
        return TrainingElsewhere(_Job(job, self._look_s), pulse, folder, grace_s=self._grace_s)


def become(words: list[str]) -> None:
    """Turn the task that submitit started into the process that trains.

    So it answers signals itself, and what it prints is where all launchers have it.
    """
    os.execv(words[0], words)


class _Job:
    def __init__(self, job: Any, look_s: float) -> None:
        self._job, self.look_s = job, look_s

    def waits_for(self) -> str:
        return "a place in the Slurm queue"

    def ended(self) -> str | None:
        state = self._job.watcher.get_state(self._job.job_id, mode="force")
        if state.split()[0] in _THERE:
            return None
        return f"in Slurm's job {self._job.job_id} ended as {state} (see {self._job.paths.stdout})"

    def stop(self) -> None:
        # At once where it runs, for the first word of a mere scancel has it save; then whatever
        # is left of it, above all its place in the queue.
        for how in (["--signal=KILL", "--full"], []):
            _ask(["scancel", *how, self._job.job_id])


def _ask(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        logging.getLogger(__name__).warning("%s: %s", " ".join(words), done.stderr.strip())
