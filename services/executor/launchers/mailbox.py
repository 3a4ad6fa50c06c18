"""What a worker and a process elsewhere tell each other, in files of the attempt's folder.

They may be on different machines: they share that folder and nothing else, no pipe, no signal and
no clock. The worker writes an `Errand`, and while it waits, a pulse that says that it is there or
that the process is to leave. The process appends to its mail: where it stands, and last how it
ended.
"""

import os
import time
from pathlib import Path

from pydantic import PositiveFloat, PositiveInt, TypeAdapter

from shared.contracts.base import Contract
from shared.contracts.run import Outcome, Progress, RunRequest

BEATS_MISSED = 3
"""Beats of its worker that a process misses before it leaves."""

_ERRAND, _MAIL, _PULSE = "errand.json", "mail.jsonl", "pulse"
_LEAVE = b"leave"
_LINE: TypeAdapter[Outcome | Progress] = TypeAdapter(Outcome | Progress)


class Errand(Contract):
    """What a process is started for."""

    request: RunRequest
    """What to do."""

    checkpoint: str
    """Folder to make."""

    cache: str
    """Folder where prepared data is kept for other runs."""

    interrupted: str | None
    """What an earlier attempt at the same run left to go on from."""

    processes: PositiveInt
    """That train together, a device each."""

    carrier: dict[str, str]
    """What has the process go on with the run's story; empty where nobody listens."""

    patience_s: PositiveFloat
    """Seconds without a beat of its worker after which the process leaves."""

    def write(self, folder: Path) -> None:
        """Put the errand into an attempt's folder."""
        (folder / _ERRAND).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "Errand":
        """Return the errand of an attempt's folder."""
        return cls.model_validate_json((folder / _ERRAND).read_text())


def send(folder: Path, said: Outcome | Progress) -> None:
    """Append to the mail, in one piece; an outcome is on the disk when this returns."""
    line = said.model_dump_json().encode() + b"\n"
    descriptor = os.open(folder / _MAIL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)
        if not isinstance(said, Progress):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Mail:
    """Reads what a process said, each line once, and only lines that are whole."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _MAIL
        self._read = 0

    def new(self) -> list[Outcome | Progress]:
        """Return what came since the last call."""
        try:
            # Opened anew each time: a shared file system then asks for what others wrote.
            with self._file.open("rb") as file:
                file.seek(self._read)
                come = file.read()
        except FileNotFoundError:
            return []
        whole = come[: come.rfind(b"\n") + 1]
        self._read += len(whole)
        return [_LINE.validate_json(line) for line in whole.splitlines()]


class Pulse:
    """Says now and then that the worker is there.

    It is a count that grows, and no time: the clocks of two machines may differ. It is written over
    itself, so that it needs no room on a disk that is full.
    """

    def __init__(self, folder: Path, *, every_s: float) -> None:
        self._file = folder / _PULSE
        self._every_s = every_s
        self._count = 0
        self._leave = b""
        self._file.touch()
        self._write()

    def beat(self) -> None:
        """Say so, if it is time to."""
        if time.monotonic() - self._written >= self._every_s:
            self._write()

    def tell_to_leave(self) -> None:
        """Have the process save what the run can go on from, and leave."""
        self._leave = _LEAVE
        self._write()

    def _write(self) -> None:
        self._count += 1
        self._written = time.monotonic()
        with self._file.open("r+b") as file:
            file.write(b"%020d %-5s\n" % (self._count, self._leave))


class Listener:
    """What a process hears of its worker's pulse, by its own clock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _PULSE
        self._heard = b""
        self._since = time.monotonic()

    def silent_s(self) -> float:
        """Return for how many seconds nothing new has been heard."""
        try:
            pulse = self._file.read_bytes()
        except OSError:  # a shared file system that is away for a moment
            pulse = self._heard
        if pulse != self._heard:
            self._heard, self._since = pulse, time.monotonic()
        return time.monotonic() - self._since

    @property
    def told_to_leave(self) -> bool:
        """Whether what was heard last says so."""
        return _LEAVE in self._heard
