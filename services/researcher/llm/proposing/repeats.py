"""Refuses what has been tried, and says what came of it. Pure."""

from collections.abc import Iterable

from services.researcher.difference import facts, near_same
from shared.contracts.base import ROOT
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed
from shared.errors import Rejected


def is_near(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes are practically the same."""
    return near_same(facts(one), facts(other))


def refuse_repeat(recipe: Recipe, findings: Iterable[Finding]) -> None:
    """Raise Rejected, with what came of it, if a finding has nearly the same recipe."""
    for finding in findings:
        if is_near(recipe, finding.recipe):
            raise Rejected(f"{evidence(finding)}; try something else")


def evidence(finding: Finding) -> str:
    """Say what came of an experiment, for example ``#4 did that: scored 0.412 ± 0.010, …``."""
    who = f"#{finding.experiment} did that"
    if isinstance(finding.outcome, Failed):
        return f"{who}: failed with {finding.outcome.error[:40]}"
    if finding.value is None:
        return f"{who}: not scored yet"
    doubt = "" if finding.stderr is None else f" ± {finding.stderr:.3f}"
    return f"{who}: scored {finding.value:.3f}{doubt}{_compared(finding)}"


def _compared(finding: Finding) -> str:
    lesson = finding.lesson
    if lesson is None or lesson.effect is None:
        return ""
    parent = "the base model" if finding.parent == ROOT else f"its parent #{finding.parent}"
    if lesson.verdict == "same":
        return f", no clear difference from {parent}"
    return f", {lesson.verdict} than {parent} by {abs(lesson.effect):.3f}"
