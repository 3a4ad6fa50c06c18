"""A training whose process shares no more than a folder with its worker. No torch."""

import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from services.executor.launchers.launcher import died, log_of, make_folder
from services.executor.launchers.mailbox import BEATS_MISSED, Errand, Mail, Pulse
from shared.contracts.run import Outcome, Progress, RunRequest
from shared.telemetry.spans import carried

logger = logging.getLogger(__name__)

GLANCE_S = 0.1
"""Seconds between two looks into the mail."""


class Place(Protocol):
    """Where the process runs, or waits to run: a process of this machine, or a cluster's job."""

    look_s: float
    """Seconds between two questions whether the process is still there; each costs something."""

    def waits_for(self) -> str:
        """Return what the process waits for that has not begun, to be shown as a phase."""

    def ended(self) -> str | None:
        """Return how the process ended, None while it is there or to come.

        Nobody to ask at the moment is None too.
        """

    def stop(self) -> None:
        """Stop the process at once, or have it never begin. Nothing happens if it is gone."""


def lay_out(
    request: RunRequest,
    folder: Path,
    cache: Path,
    *,
    interrupted: Path | None,
    processes: int,
    heartbeat_s: float,
) -> Pulse:
    """Write into the attempt's folder what the process will read there; return the worker's pulse.

    Raises:
        TrainingFailed: nothing can be written there.
    """
    home = folder.parent
    make_folder(home)
    errand = Errand(
        request=request,
        checkpoint=str(folder),
        cache=str(cache),
        interrupted=None if interrupted is None else str(interrupted),
        processes=processes,
        carrier=carried(),
        patience_s=BEATS_MISSED * heartbeat_s,
    )
    errand.write(home)
    return Pulse(home, every_s=heartbeat_s)


class TrainingElsewhere:
    """Reads the mail of a process and keeps its worker's pulse; see `Training`."""

    def __init__(self, place: Place, pulse: Pulse, folder: Path, *, grace_s: float) -> None:
        self.place = place
        self.progress: Progress | None = None
        self._mail, self._pulse, self._log = Mail(folder.parent), pulse, log_of(folder)
        self._grace_s = grace_s
        self._began: float | None = None
        self._looked = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the process said its first word; 0 while it waits for a place."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def wait(self, for_s: float) -> Outcome | None:
        """Return the outcome, or None if there is none within ``for_s`` seconds.

        Raises:
            TrainingFailed: the process died without an outcome.
        """
        deadline = time.monotonic() + for_s
        while True:
            self._pulse.beat()
            ended = self._look()  # before its mail is read, so that its last words are in it
            for said in self._mail.new():
                if not isinstance(said, Progress):
                    return said
                self._began = self._began or time.monotonic()
                self.progress = said
            if ended is not None:
                raise died(ended, self._log)
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(GLANCE_S, left))

    def save_and_leave(self, within_s: float) -> None:
        """Have the process save what the run can go on from; return when it is gone, or late."""
        if self._began is None:
            return  # nothing to save yet
        self._pulse.tell_to_leave()
        self._is_gone(within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._is_gone(self._grace_s):
            return
        self.place.stop()
        if not self._is_gone(self._grace_s):
            logger.warning("what trained into %s may still be there", self._log.parent)

    def _look(self) -> str | None:
        if time.monotonic() - self._looked < self.place.look_s:
            return None
        self._looked = time.monotonic()
        ended = self.place.ended()
        if ended is None and self._began is None:
            self.progress = Progress(phase=f"waiting for {self.place.waits_for()}")
        return ended

    def _is_gone(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self.place.ended() is None:
            if time.monotonic() > deadline:
                return False
            self._pulse.beat()
            time.sleep(min(self.place.look_s, 1.0))
        return True
