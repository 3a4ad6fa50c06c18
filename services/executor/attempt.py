"""One attempt at a run: have it trained somewhere, stop it when it must stop. No torch."""

import shutil
from pathlib import Path

from services.executor.interruption import take_over
from services.executor.launchers.launcher import LATE_S, SAVE_S, Launcher, Training
from services.executor.teacher.teacher import ASKING
from shared.answering import Lease
from shared.contracts.run import Outcome, RunRequest, Trained
from shared.errors import OutOfTime
from shared.telemetry.measures import TRAINED_TOKENS
from shared.telemetry.telling import working

LOOK_S = 0.1
"""Seconds between two looks at the lease while training."""


def carry_out(lease: Lease, *, launcher: Launcher, artifacts: Path) -> Outcome:
    """Train what the claim asks for and return the outcome.

    The checkpoint lies under a path that holds the fence, so two attempts never share one. An
    attempt goes on from where an earlier one was interrupted, wherever that was.

    Raises:
        GivenUp: the work was cancelled or taken away; the process is gone. Handed back, it left
            what the next attempt can go on from.
        OutOfTime: training could not be stopped gently.
        TrainingFailed: the process died.
    """
    request = lease.claim.request
    assert isinstance(request, RunRequest)
    home = artifacts / request.job_id / lease.claim.work_id
    attempt = home / f"attempt-{lease.claim.fence}"
    interrupted = take_over(home, attempt / "interrupted")
    for earlier in set(home.glob("attempt-*")) - {attempt}:
        _discard(earlier, checkpoint=False)
    outcome: Outcome | None = None
    began_s = 0.0
    try:
        with working(request):  # short: what follows is told where it happens
            started = launcher.start(
                request,
                attempt / "checkpoint",
                artifacts / request.job_id / "data",
                interrupted=interrupted,
            )
        with started as training:
            while (outcome := training.wait(LOOK_S)) is None:
                _go_on(lease, training)
                if training.progress is not None and training.progress.phase == ASKING:
                    began_s = training.seconds  # not training yet
                elif training.seconds - began_s > request.limit_s + LATE_S:
                    raise OutOfTime(
                        f"wanted training to stop after {request.limit_s:.0f} s, found it busy "
                        f"{LATE_S:.0f} s later; shorten its steps or raise limits.run_s"
                    )
    finally:
        TRAINED_TOKENS.set(0)
        # Of a run that goes on, or is somebody else's by now, the next attempt clears away.
        if outcome is not None or not (_may_go_on(lease) or lease.lost):
            _discard(attempt, checkpoint=not isinstance(outcome, Trained))
    return outcome


def _go_on(lease: Lease, training: Training) -> None:
    if _may_go_on(lease):
        training.save_and_leave(SAVE_S)
    lease.check()
    if training.progress is not None:
        lease.say(training.progress)
        TRAINED_TOKENS.set(training.progress.tokens_per_s or 0)


def _may_go_on(lease: Lease) -> bool:
    """Whether the run stops here and is to go on elsewhere."""
    return lease.handed_back.is_set() and not (lease.cancelled or lease.lost)


def _discard(attempt: Path, *, checkpoint: bool) -> None:
    """Remove what an attempt could have gone on from, and perhaps its checkpoint; its log stays.

    An attempt whose worker was killed could not tidy up after itself; the next one does.
    """
    for leftover in (*attempt.glob("checkpoint*"), attempt / "interrupted"):
        if checkpoint or leftover.name != "checkpoint":
            shutil.rmtree(leftover, ignore_errors=True)
