"""A training process of this machine: started from a warm interpreter, watched, stopped.

Importing torch, transformers and TRL takes seconds. A fork server imports them once, before a run
arrives, and forks a fresh process for each run: the run starts at once and can still be killed
without the worker. The fork server never touches a device, so that its children may.
"""

import multiprocessing
import time
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from services.executor.child import ChildOutcome, ChildProgress, tell_capabilities, train_in_child
from services.executor.launchers.launcher import died, how_it_ended, log_of, make_folder
from shared.contracts.capabilities import Capabilities
from shared.contracts.run import Outcome, Progress, RunRequest
from shared.errors import TrainingFailed
from shared.settings import TeacherSettings
from shared.telemetry.spans import carried

PRELOADED = ["services.executor.warm"]
"""What the fork server imports before the first run."""


@dataclass(slots=True)
class LocalTraining:
    """One training process. Leaving its block with an error stops it at once."""

    process: ForkServerProcess
    messages: Connection
    log: Path
    grace_s: float
    progress: Progress | None = field(default=None, init=False)
    """The latest word from the process."""
    _began: float = field(default_factory=time.monotonic, init=False)

    @property
    def seconds(self) -> float:
        """Seconds since the process began."""
        return time.monotonic() - self._began

    def wait(self, for_s: float) -> Outcome | None:
        """Return the outcome, or None if there is none within ``for_s`` seconds.

        Raises:
            TrainingFailed: the process died without an outcome.
        """
        deadline = time.monotonic() + for_s
        while self.messages.poll(max(0.0, deadline - time.monotonic())):
            try:
                message = self.messages.recv()
            except EOFError:
                self.process.join(self.grace_s)
                raise died(how_it_ended(self.process.exitcode or 0), self.log) from None
            match message:
                case ChildOutcome(outcome):
                    return outcome
                case ChildProgress(progress):
                    self.progress = progress
        return None

    def save_and_leave(self, within_s: float) -> None:
        """Have the process save what the run can go on from; return when it is gone, or late."""
        self.process.terminate()
        self.process.join(within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.join(self.grace_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.messages.close()
        self.process.close()


class WarmTrainer:
    """Starts training processes from an interpreter that has imported everything."""

    def __init__(self, *, grace_s: float, teacher: TeacherSettings | None = None) -> None:
        """Take how long training gets to leave, in seconds, and whom data operators may ask."""
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._grace_s = grace_s
        self._teacher = teacher

    def warm_up(self) -> None:
        """Start importing in the background, so that the first run finds the interpreter warm."""
        forkserver.ensure_running()

    def capabilities(self) -> Capabilities:
        """Return what this machine can train, once the interpreter is warm.

        Found out in a process of its own: this one imports no torch, the fork server no device.

        Raises:
            TrainingFailed: the process died.
        """
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=tell_capabilities, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        try:
            found: Capabilities = ours.recv()
        except EOFError:
            raise TrainingFailed(
                "wanted to know what this machine can train, found that the process which looked "
                "died; run python -m services.executor capabilities"
            ) from None
        finally:
            process.join()
            ours.close()
        return found

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> LocalTraining:
        """Start a process that carries out a run; see `Launcher.start`."""
        make_folder(folder.parent)
        log = log_of(folder)
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=train_in_child,
            args=(
                request.model_dump_json(),
                str(folder),
                str(cache),
                None if interrupted is None else str(interrupted),
                str(log),
                theirs,
                self._teacher,
                carried(),
            ),
            name=f"train-{request.job_id}-{request.experiment}",
        )
        process.start()
        theirs.close()  # else the pipe stays open when the child dies
        return LocalTraining(process, ours, log, self._grace_s)
