"""The training process: started from a warm interpreter, watched, stopped.

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

from services.executor.child import ChildOutcome, ChildProgress, train_in_child
from shared.contracts.run import Outcome, Progress, RunRequest
from shared.errors import TrainingFailed
from shared.settings import TeacherSettings

PRELOADED = ["services.executor.warm"]
"""What the fork server imports before the first run."""


@dataclass(slots=True)
class Training:
    """One training process. Leaving its block with an error stops it at once."""

    process: ForkServerProcess
    messages: Connection
    log: Path
    grace_s: float
    progress: Progress | None = field(default=None, init=False)
    """The latest word from the process."""

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
                raise TrainingFailed(self._how_it_died()) from None
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

    def _how_it_died(self) -> str:
        self.process.join(self.grace_s)
        code = self.process.exitcode
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with status {code}"
        log = self.log.read_text(errors="replace") if self.log.is_file() else ""
        said = log.strip().splitlines()[-3:]
        return (
            f"wanted an outcome, found that the training process {how}"
            f"{' after saying ' + ' / '.join(said) if said else ''}; "
            "signal 9 mostly means that memory ran out: lower per_device_train_batch_size"
        )


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
            TrainingFailed: nothing can be written there.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingFailed(
                f"wanted to write into {folder.parent}, found: {error.strerror}; free some space, "
                "correct its rights or move TREX_ARTIFACTS_FOLDER"
            ) from None
        log = folder.parent / "train.log"
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
            ),
            name=f"train-{request.job_id}-{request.experiment}",
        )
        process.start()
        theirs.close()  # else the pipe stays open when the child dies
        return Training(process, ours, log, self._grace_s)
