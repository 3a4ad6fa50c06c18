"""One attempt at a run: train in a process of its own, stop it when it must stop. No torch."""

import shutil
import time
from pathlib import Path

from services.executor.training import WarmTrainer
from shared.answering import Lease
from shared.contracts.run import Outcome, RunRequest, Trained
from shared.errors import OutOfTime

LOOK_S = 0.1
"""Seconds between two looks at the lease while training."""

LATE_S = 60.0
"""Seconds past its limit that training gets to finish a step, evaluate and save."""


def carry_out(lease: Lease, *, trainer: WarmTrainer, artifacts: Path) -> Outcome:
    """Train what the claim asks for and return the outcome.

    The checkpoint lies under a path that holds the fence, so two attempts never share one.

    Raises:
        GivenUp: the work was cancelled or taken away; the process is gone.
        OutOfTime: training could not be stopped gently.
        TrainingFailed: the process died.
    """
    request = lease.claim.request
    assert isinstance(request, RunRequest)
    home = artifacts / request.job_id / lease.claim.work_id
    folder = home / f"attempt-{lease.claim.fence}" / "checkpoint"
    _discard_leftovers(home)
    deadline = time.monotonic() + request.limit_s + LATE_S
    outcome: Outcome | None = None
    try:
        with trainer.start(request, folder, artifacts / request.job_id / "data") as training:
            while (outcome := training.wait(LOOK_S)) is None:
                lease.check()
                if training.progress is not None:
                    lease.say(training.progress)
                if time.monotonic() > deadline:
                    raise OutOfTime(
                        f"wanted training to stop after {request.limit_s:.0f} s, found it busy "
                        f"{LATE_S:.0f} s later; shorten its steps or raise limits.run_s"
                    )
    finally:
        if not isinstance(outcome, Trained):
            shutil.rmtree(folder, ignore_errors=True)
            _discard_leftovers(home)
    return outcome


def _discard_leftovers(home: Path) -> None:
    """Remove what attempts that came to nothing left half-written; their logs stay.

    An attempt whose worker was killed could not tidy up after itself; the next one does.
    """
    for leftover in home.glob("attempt-*/checkpoint.*"):
        shutil.rmtree(leftover, ignore_errors=True)
