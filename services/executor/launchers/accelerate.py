"""Trains in processes of this machine, a device each, that ``accelerate launch`` starts."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from services.executor.launchers.elsewhere import TrainingElsewhere, lay_out
from services.executor.launchers.launcher import SAVE_S, how_it_ended
from shared.contracts.run import RunRequest

ENTRY = "services.executor.launched"
"""The module that every such process runs, wherever it was started."""

STARTED_BY = "TREX_STARTED_BY"
"""Variable that tells several processes whose children they are: one that is slow to begin could
find its parent gone already, and take whoever adopted it for the parent."""


def command(folder: Path, *, python: str = sys.executable) -> list[str]:
    """Return what carries out the errand of an attempt's folder, on whatever machine."""
    return [python, "-m", ENTRY, str(folder)]


def several(folder: Path, *, processes: int) -> tuple[list[str], dict[str, str]]:
    """Return what does so in several processes of one machine, and its additional environment.

    Everything is said here, so that nobody's own configuration of accelerate is read.
    ``--multi_gpu`` is how it starts several processes also where there is no GPU.
    """
    options = {
        "num_processes": processes,
        "num_machines": 1,
        "main_process_port": 0,  # a free one
        "gpu_ids": "all",
        "mixed_precision": "no",  # the trainers say what they compute in
        "dynamo_backend": "no",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", *words]
    # Between being told to stop and being killed; torch's own thirty seconds are short for a save.
    return [*launch, "--module", ENTRY, str(folder)], {
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": f"{SAVE_S:.0f}",
        STARTED_BY: str(os.getpid()),  # which ``accelerate launch`` becomes
    }


class AccelerateLauncher:
    """Starts the processes of a run on this machine; see `Launcher`."""

    def __init__(self, *, processes: int, grace_s: float, heartbeat_s: float) -> None:
        self._processes, self._grace_s, self._heartbeat_s = processes, grace_s, heartbeat_s

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> TrainingElsewhere:
        """Start the processes that carry out a run; see `Launcher.start`."""
        pulse = lay_out(
            request,
            folder,
            cache,
            interrupted=interrupted,
            processes=self._processes,
            heartbeat_s=self._heartbeat_s,
        )
        # A session of its own: Ctrl-C is for the worker, which then says so.
        process = subprocess.Popen(command(folder.parent), start_new_session=True)
        return TrainingElsewhere(_Processes(process), pulse, folder, grace_s=self._grace_s)


class _Processes:
    look_s = 0.1

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def waits_for(self) -> str:
        return "its processes"

    def ended(self) -> str | None:
        status = self._process.poll()
        return None if status is None else how_it_ended(status)

    def stop(self) -> None:
        # The processes it started end with it: see `launched`.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
