"""One attempt at a run: have it trained somewhere, stop it when it must stop. No torch."""

import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

from services.executor.handing_on import clear_away, farthest, hand_on
from services.executor.interruption import take_over
from services.executor.launchers.launcher import LATE_S, SAVE_S, Launcher, Training
from services.executor.teacher.teacher import ASKING
from shared.answering import GivenUp, Lease
from shared.artifacts.artifacts import Artifacts
from shared.contracts.run import Outcome, Progress, RunRequest, Trained
from shared.errors import NoArtifact, OutOfTime
from shared.telemetry.measures import TRAINED_TOKENS
from shared.telemetry.telling import working

LOOK_S = 0.1
"""Seconds between two looks at the lease while training."""


def carry_out(lease: Lease, *, launcher: Launcher, artifacts: Artifacts) -> Outcome:
    """Train what the claim asks for and return the outcome.

    The checkpoint lies under a path that holds the fence, so two attempts never share one. An
    attempt goes on from where an earlier one was interrupted, wherever that was.

    Raises:
        GivenUp: the work was cancelled or taken away; the process is gone. Handed back, it left
            what the next attempt can go on from.
        OutOfTime: training could not be stopped gently.
        TrainingFailed: the process died.
        NoArtifact: the checkpoint it starts from is gone.
        Unavailable: what it goes on from, or what it made, cannot be carried over.
    """
    request = lease.claim.request
    assert isinstance(request, RunRequest)
    home = artifacts.folder / request.job_id / lease.claim.work_id
    attempt = home / f"attempt-{lease.claim.fence}"
    try:
        with ExitStack() as using:
            here = _brought_here(request, artifacts, using, lease)
            interrupted = take_over(home, attempt / "interrupted")
            handed_on = farthest(artifacts, home, than=interrupted)
            if handed_on is not None:
                interrupted = Path(using.enter_context(artifacts.fetched(handed_on)))
            _forget(home, attempt, checkpoints=artifacts.bucket is not None)
            outcome = _trained(lease, here, launcher, attempt, interrupted)
        outcome = _published(outcome, artifacts, lease)
    except GivenUp:
        if _may_go_on(lease):
            hand_on(artifacts, home, attempt, go_on=lambda: _stay(lease))
        elif lease.cancelled:
            clear_away(artifacts, home, lease.claim.fence + 1)
        raise
    clear_away(artifacts, home, lease.claim.fence)
    return outcome


def _brought_here(
    request: RunRequest, artifacts: Artifacts, using: ExitStack, lease: Lease
) -> RunRequest:
    """Return a request that names paths of this host; they hold as long as ``using``."""

    def fetched(name: str) -> str:
        return using.enter_context(artifacts.fetched(name, go_on=lease.check))

    start, resume = request.start_from, request.resume_from
    if artifacts.bucket is not None:
        lease.say(Progress(phase="fetching"))
    if start is not None:
        start = fetched(start)
    if resume is not None:
        with suppress(NoArtifact):  # training says so, and starts again
            resume = fetched(resume)
    return request.model_copy(update={"start_from": start, "resume_from": resume})


def _trained(
    lease: Lease,
    request: RunRequest,
    launcher: Launcher,
    attempt: Path,
    interrupted: Path | None,
) -> Outcome:
    outcome: Outcome | None = None
    began_s = 0.0
    try:
        with working(request):  # short: what follows is told where it happens
            started = launcher.start(
                request,
                attempt / "checkpoint",
                attempt.parent.with_name("data"),
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


def _published(outcome: Outcome, artifacts: Artifacts, lease: Lease) -> Outcome:
    """Return the outcome with names by which every host finds what was made."""
    if artifacts.bucket is None or not isinstance(outcome, Trained):
        return outcome
    lease.say(Progress(phase="publishing", step=outcome.steps, steps=outcome.steps))
    folders = {"checkpoint": outcome.checkpoint, "resume": outcome.resume}
    names = {
        kind: artifacts.publish(Path(folder), go_on=lambda: _stay(lease))
        for kind, folder in folders.items()
        if folder is not None
    }
    return outcome.model_copy(update=names)


def _stay(lease: Lease) -> None:
    """Return while somebody wants what was trained, be this worker about to leave or not."""
    if lease.cancelled or lease.lost:
        raise GivenUp


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


def _forget(home: Path, attempt: Path, *, checkpoints: bool) -> None:
    for earlier in set(home.glob("attempt-*")) - {attempt}:
        _discard(earlier, checkpoint=checkpoints)


def _discard(attempt: Path, *, checkpoint: bool) -> None:
    """Remove what an attempt could have gone on from, and perhaps its checkpoint; its log stays.

    An attempt whose worker was killed could not tidy up after itself; the next one does.
    """
    for leftover in (*attempt.glob("checkpoint*"), attempt / "interrupted"):
        if checkpoint or leftover.name != "checkpoint":
            shutil.rmtree(leftover, ignore_errors=True)
