"""What a training process does: prepare the data, train, answer with an outcome.

It writes to the run's log, tells its parent where it stands, and dies when the worker dies.
"""

import errno
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from services.executor import processes
from services.executor.checkpoint import describe
from services.executor.gpus import keep_gpus
from services.executor.interruption import ToldToStop
from services.executor.pipeline import materialise
from services.executor.teacher.teacher import Teacher
from shared.contracts.run import Failed, Outcome, Progress, RunRequest, Trained
from shared.errors import RunFailed, TrainingFailed, Unavailable
from shared.settings import TeacherSettings
from shared.telemetry.process import observed
from shared.telemetry.spans import going_on, span


@dataclass(frozen=True, slots=True)
class ChildProgress:
    """Where training stands."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """How the run ended. The last message."""

    outcome: Outcome


def train_in_child(
    request_json: str,
    folder: str,
    cache: str,
    interrupted: str | None,
    log: str,
    messages: Connection,
    teacher: TeacherSettings | None,
    carrier: Mapping[str, str],
) -> None:
    """Carry out a run in this process and send its outcome. ``carrier`` has its story go on here.

    SIGTERM has it save what the run can go on from, if it trains already, and end without any.
    """
    threading.Thread(target=_die_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then says so
    write_to(Path(log))
    request = RunRequest.model_validate_json(request_json)

    def say(progress: Progress) -> None:
        messages.send(ChildProgress(progress))

    with observed("executor"), going_on(carrier):
        outcome = outcome_of(request, Path(folder), Path(cache), path(interrupted), say, teacher)
        if outcome is not None:
            messages.send(ChildOutcome(outcome))
    messages.close()


def outcome_of(
    request: RunRequest,
    folder: Path,
    cache: Path,
    interrupted: Path | None,
    say: Callable[[Progress], None],
    teacher: TeacherSettings | None,
) -> Outcome | None:
    """Carry out a run in this process and return how it ended.

    None when it was told to stop; what it can go on from is saved then.
    """
    keep_gpus()
    try:
        return _carry_out(request, folder, cache, interrupted, say, teacher)
    except ToldToStop:
        return None
    except (RunFailed, Unavailable) as failure:
        return Failed(error=type(failure).__name__, detail=str(failure))
    except Exception as error:  # noqa: BLE001 - what a library raises is how this run ended
        with suppress(OSError):  # a full disk has no room for the log either
            traceback.print_exc()
        return failed(error)


def _carry_out(
    request: RunRequest,
    folder: Path,
    cache: Path,
    interrupted: Path | None,
    say: Callable[[Progress], None],
    teacher: TeacherSettings | None,
) -> Trained:
    from services.executor.trainers.train import train  # warm already: see `warm`

    say(Progress(phase="preparing data"))
    with span("data"):
        asked = None if teacher is None else Teacher(teacher, cache, say)
        data = materialise(request.recipe.data, cache, asked)
    trained = train(request, data, folder, say=say, interrupted=interrupted)
    if processes.is_first():
        describe(folder, request, trained)
    return trained


def tell_capabilities(messages: Connection) -> None:
    """Send what this machine can train."""
    from services.executor.trainers.capabilities import capabilities

    messages.send(capabilities())
    messages.close()


def path(name: str | None) -> Path | None:
    """Return a path, or None for none."""
    return None if name is None else Path(name)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def write_to(log: Path) -> None:
    """Have all that this process prints appended to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)


def failed(error: Exception) -> Failed:
    """Return how a run ended that a library's error ended."""
    # Libraries written in Rust pass the system's error number on in words only.
    if getattr(error, "errno", None) == errno.ENOSPC or f"os error {errno.ENOSPC}" in str(error):
        return Failed(
            error=TrainingFailed.__name__,
            detail="wanted room for the checkpoint, found the disk full; free some space or move "
            "TREX_ARTIFACTS_FOLDER",
        )
    return Failed(error=type(error).__name__, detail=str(error)[:2000] or repr(error))
