"""What starts a training process somewhere, and what is known of it from then on. No torch."""

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from shared.contracts.run import Outcome, Progress, RunRequest
from shared.errors import TrainingFailed

LATE_S = 60.0
"""Seconds past its limit that training gets to finish a step, evaluate and save."""

SAVE_S = 120.0
"""Seconds a run that is handed back gets to finish a step and save what it can go on from."""

SAID = 3
"""Last lines of its log that the report of a dead process quotes."""


class Training(Protocol):
    """One training. Leaving its block with an error stops it at once.

    Left in peace it has said its outcome; what is still there of it a little later is stopped too.
    """

    progress: Progress | None
    """The latest word from the process, or what it waits for before it can start."""

    @property
    def seconds(self) -> float:
        """Seconds since the process began; 0 while it waits for a place."""

    def wait(self, for_s: float) -> Outcome | None:
        """Return the outcome, or None if there is none within ``for_s`` seconds.

        Raises:
            TrainingFailed: the process died without an outcome.
        """

    def save_and_leave(self, within_s: float) -> None:
        """Have the process save what the run can go on from; return when it is gone, or late."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Launcher(Protocol):
    """Starts training processes. One that has lost its worker ends soon, and by itself."""

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> Training:
        """Start a process that carries out a run.

        Args:
            request: what to do.
            folder: where the checkpoint goes; its parent gets ``train.log``.
            cache: where prepared data is kept for other runs.
            interrupted: what an earlier attempt at the same run left to go on from.

        Raises:
            TrainingFailed: nothing can be written there, or no such process can be started.
        """


def make_folder(folder: Path) -> None:
    """Make the folder that an attempt writes into.

    Raises:
        TrainingFailed: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingFailed(
            f"wanted to write into {folder}, found: {error.strerror}; free some space, "
            "correct its rights or move TREX_ARTIFACTS_FOLDER"
        ) from None


def log_of(folder: Path) -> Path:
    """Return where the process that writes a checkpoint writes what it says."""
    return folder.with_name("train.log")


def how_it_ended(status: int) -> str:
    """Say how a process of this machine ended, by its exit status as Python gives it."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def died(how: str, log: Path) -> TrainingFailed:
    """Return the failure of a process without an outcome: how it ended, and its last words."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    said = text.strip().splitlines()[-SAID:]
    return TrainingFailed(
        f"wanted an outcome, found that the training process {how}"
        f"{' after saying ' + ' / '.join(said) if said else ''}; "
        "signal 9 mostly means that memory ran out: lower per_device_train_batch_size"
    )
