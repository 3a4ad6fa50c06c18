"""Whether the best is worse than the base model at what it was not trained for. Pure."""

from collections.abc import Iterator
from statistics import fmean
from typing import Literal

from services.planner.comparing import compare, difference_words, score_words
from services.planner.experiment import Experiment
from services.planner.state import JobState
from shared.contracts.base import ROOT
from shared.contracts.run import Failed
from shared.contracts.score import Score
from shared.contracts.views import Comparison, GuardView

MARGIN = 0.1
"""Loss that still counts as none, in the metric's unit: 4 of the 40 items of a side task."""


def guard_views(state: JobState, best: Experiment | None) -> tuple[GuardView, ...]:
    """Return the side tasks that were asked for; none before the search is over."""
    if best is None:
        return ()
    names = [name for name in state.spec.side_tasks() if (name, best.id) in state.guards]
    return tuple(_view(state, best, name) for name in names)


def _view(state: JobState, best: Experiment, name: str) -> GuardView:
    before, after = (state.guards.get((name, number)) for number in (ROOT, best.id))
    failed = next((one for one in (before, after) if isinstance(one, Failed)), None)
    found = _compared(before, after)
    if found is None and failed is None and before is not None:
        failed = Failed(error="ScoringFailed", detail="its items changed between the two scores")
    return GuardView(
        name=name,
        comparison=found,
        margin=MARGIN,
        verdict=_verdict(found),
        failed=f"{failed.error}: {failed.detail}" if failed else None,
    )


def _compared(before: Score | Failed | None, after: Score | Failed | None) -> Comparison | None:
    if not isinstance(before, Score) or not isinstance(after, Score):
        return None
    return compare(before, after) if before.data_sha256 == after.data_sha256 else None


def _verdict(found: Comparison | None) -> Literal["no worse", "worse", "not shown"]:
    """Return the outcome of a test of non-inferiority at the 2.5 % level.

    Source: Piaggio and others, "Reporting of noninferiority and equivalence randomized trials",
    JAMA 2012.
    """
    if found is None or found.interval is None or found.base.value <= MARGIN:
        return "not shown"
    low, high = found.interval
    if low > -MARGIN:
        return "no worse"
    return "worse" if high < 0.0 else "not shown"


def guard_lines(guards: tuple[GuardView, ...], gain: Comparison | None) -> list[str]:
    """Return the report's words about side tasks; none where nothing was asked for.

    Args:
        guards: the side tasks.
        gain: of the best over the base model at what it was trained for.
    """
    if not guards:
        return []
    return [
        "## Side tasks",
        "",
        "What the best was not trained for. No worse: the 95 % interval of the difference is above "
        "minus the margin. Not shown: the items are too few to tell, or the base model has no more "
        "than the margin to lose.",
        "",
        "| side task | base model | best | difference, 95 % interval | margin | verdict |",
        "|---|---|---|---|---|---|",
        *[_row(guard) for guard in guards],
        "",
        *_price(guards, gain),
    ]


def _row(guard: GuardView) -> str:
    found = guard.comparison
    if found is None:
        return f"| {guard.name} | {guard.failed or 'not scored'} | | | {guard.margin:g} | |"
    return (
        f"| {guard.name} | {score_words(found.base)} | {score_words(found.best)} "
        f"| {difference_words(found)} | {guard.margin:g} | {guard.verdict} |"
    )


def _price(guards: tuple[GuardView, ...], gain: Comparison | None) -> Iterator[str]:
    """Say what a point of the metric cost in points of the side tasks, in their mean."""
    found = [guard.comparison for guard in guards if guard.comparison]
    # Who earns next to nothing has nothing to lose.
    losses = [-one.difference for one in found if one.base.value > MARGIN]
    if gain is None or gain.interval is None or gain.interval[0] <= 0.0 or not losses:
        return
    if any(guard.verdict == "worse" for guard in guards):
        price = fmean(losses) / gain.difference
        yield (
            f"Each point of {gain.best.metric} cost {price:.2f} points in the mean of "
            f"{len(losses)} of them."
        )
    else:
        yield "No loss at any of them is shown."
    yield ""
