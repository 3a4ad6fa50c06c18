"""What the best is compared with beside the base model as it is. Pure."""

from collections.abc import Iterator
from typing import Literal

from services.planner.comparing import (
    compare,
    difference_words,
    probability_words,
    score_view,
    score_words,
)
from services.planner.experiment import piece
from services.planner.state import JobState
from shared.contracts.base import ROOT
from shared.contracts.run import Failed
from shared.contracts.score import Score
from shared.contracts.views import BaselineView

SURE = 0.95
"""Probability of being better from which the best is said to beat a baseline."""

EVEN = 0.5
"""Probability up to which the baseline is said to do as well."""


def baseline_views(state: JobState) -> tuple[BaselineView, ...]:
    """Return the job's baselines, scored or not."""
    named = state.spec.baselines
    found = []
    if named.shots:
        found.append(_view(state, "few-shot", f"the base model shown {named.shots} training rows"))
    if named.reference is not None:
        found.append(_view(state, "reference", named.reference))
    return tuple(found)


def _view(state: JobState, name: Literal["few-shot", "reference"], what: str) -> BaselineView:
    result = state.baselines.get(piece(name, ROOT))
    best = state.best()
    score = result if isinstance(result, Score) else None
    return BaselineView(
        name=name,
        what=what,
        score=score_view(score) if score else None,
        failed=f"{result.error}: {result.detail}" if isinstance(result, Failed) else None,
        comparison=compare(score, best.score) if score and best and best.score else None,
    )


def baseline_lines(baselines: tuple[BaselineView, ...]) -> list[str]:
    """Return the report's words about baselines; none where the job has none."""
    if not baselines:
        return []
    rows = [_row(baseline) for baseline in baselines]
    return [
        "## Baselines",
        "",
        "On dev, which the best was chosen by, so that it is flattered a little.",
        "",
        "| baseline | score | best minus it, 95 % interval | probability that the best is better |",
        "|---|---|---|---|",
        *rows,
        "",
        *_advice(baselines),
    ]


def _row(baseline: BaselineView) -> str:
    what = f"{baseline.name}: {baseline.what}"
    if baseline.score is None:
        return f"| {what} | {baseline.failed or 'not scored'} | | |"
    found = baseline.comparison
    if found is None:
        return f"| {what} | {score_words(baseline.score)} | | |"
    return (
        f"| {what} | {score_words(baseline.score)} | {difference_words(found)} "
        f"| {probability_words(found.probability)} |"
    )


def _advice(baselines: tuple[BaselineView, ...]) -> Iterator[str]:
    """Say what a baseline that was not beaten means for the user."""
    for baseline in baselines:
        found = baseline.comparison
        if found is None or found.probability >= SURE:
            continue
        if found.probability > EVEN:
            yield f"It is not shown that the best beats {baseline.name}; more dev rows would tell."
        elif baseline.name == "few-shot":
            yield "Examples in the prompt do as well as the best: consider not fine-tuning."
        else:
            yield f"{baseline.what} does as well as the best as it is: consider using it instead."
        yield ""
