"""The process that trains a run where a launcher put it.

``python -m services.executor.launched FOLDER`` carries out the errand in an attempt's folder. Of
several processes that the errand wants, ``accelerate launch`` starts each with the same words.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from services.executor import processes
from services.executor.child import outcome_of, path, write_to
from services.executor.launchers.accelerate import STARTED_BY, several
from services.executor.launchers.launcher import log_of
from services.executor.launchers.mailbox import Errand, Listener, send
from services.executor.teacher.teacher import ASKING
from shared.contracts.run import Progress, Trained
from shared.settings import TeacherSettings
from shared.telemetry.process import observed
from shared.telemetry.spans import going_on

SAY_S = 1.0
"""Seconds at least between two words on the same phase."""

LISTEN_S = 0.2
"""Seconds between two looks whether this process is still wanted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out an errand; return 1 if nothing was trained, so that its companions end as well.

    SIGTERM has it save what the run can go on from, if it trains already, and end without outcome.
    """
    (folder,) = map(Path, argv or sys.argv[1:])
    errand = Errand.read(folder)
    write_to(log_of(Path(errand.checkpoint)))
    if errand.processes > 1 and processes.number() == 1:
        command, wants = several(folder, processes=errand.processes)
        os.execve(command[0], command, {**os.environ, **wants})
    threading.Thread(target=_leave_when_due, args=(folder, errand.patience_s), daemon=True).start()
    say = _Teller(folder)
    say(Progress(phase="starting"))
    # Of several processes one tells, for all do the same.
    with observed("executor") if processes.is_first() else nullcontext(), going_on(errand.carrier):
        outcome = outcome_of(
            errand.request,
            Path(errand.checkpoint),
            Path(errand.cache),
            path(errand.interrupted),
            say,
            # Of this machine, for a key is nothing to write into a shared folder.
            TeacherSettings(),
        )
        # All say how they failed, for the first to fail drags the others along, and the first word
        # counts.
        if outcome is not None and (processes.is_first() or not isinstance(outcome, Trained)):
            send(folder, outcome)
    return 0 if outcome is None or isinstance(outcome, Trained) else 1


class _Teller:
    """Writes where training stands into the mail, not too often.

    Only the first process does, and the one that asks a teacher, for others wait while it asks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._phase, self._said = "", 0.0

    def __call__(self, progress: Progress) -> None:
        late = time.monotonic() - self._said > SAY_S
        speaks = processes.is_first() or progress.phase == ASKING
        if speaks and (late or progress.phase != self._phase):
            self._phase, self._said = progress.phase, time.monotonic()
            send(self._folder, progress)


def _leave_when_due(folder: Path, patience_s: float) -> None:
    """End this process when its worker is silent or what started it is gone; pass on a word."""
    parent = int(os.environ.get(STARTED_BY, os.getppid()))
    listener, told = Listener(folder), False
    while (silent_s := listener.silent_s()) < patience_s and os.getppid() == parent:
        if listener.told_to_leave and processes.is_first() and not told:
            told = True
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LISTEN_S)
    gone = "what started this process" if silent_s < patience_s else "the worker"
    sys.stderr.write(f"{gone} is gone; leaving without an outcome\n")
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
