"""What the tree has shown so far: the steps that experiments took, and what came of each."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.researcher.factors import Factor, Value, value_of
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import NOBODYS_FAULT, Failed, Outcome, Trained
from shared.errors import Rejected

_CREDIT = {"better": 1.0, "same": -0.5, "worse": -1.0, "failed": -1.5}
_UNDER_WAY = -0.5  # trying the same again beside it would teach little
_ELSEWHERE = 0.4  # what helped one recipe often helps another, but less surely

_UNSTABLE = ("Diverged", "ScoringFailed")
"""Errors that a smaller learning rate may mend: the loss or the answers broke down."""


@dataclass(frozen=True, slots=True)
class Step:
    """One factor in which an experiment differs from its parent, and what came of it."""

    parent: ExperimentId
    child: Finding
    factor: str
    toward: str
    """``up`` or ``down``, or the new value of a choice."""
    before: Value
    after: Value
    credit: float
    """In [-1.5, 1], shared among the factors changed together."""


def steps(findings: Sequence[Finding], factors: Iterable[Factor]) -> tuple[Step, ...]:
    """Return every step between two findings, in the order of the experiments."""
    known = {finding.experiment: finding for finding in findings}
    table = tuple(factors)
    return tuple(
        step
        for child in findings
        if child.parent in known
        for step in _between(known[child.parent], child, table)
    )


def support(factor: Factor, toward: str, at: Finding, taken: Iterable[Step]) -> float:
    """Return what the tree says for a step from here: above 0 for, below 0 against.

    A step that ended or began here counts fully, others less, and less again the further their
    values are from the one here. A step that made things worse speaks for the opposite direction.
    """
    return sum(
        _relevance(step, factor, at) * _agreement(step, toward)
        for step in taken
        if step.factor == factor.name
    )


def touches(step: Step, at: Finding) -> bool:
    """Whether a step began or ended at an experiment."""
    return at.experiment in (step.parent, step.child.experiment)


def like_rates(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes want learning rates of about the same size.

    Kinds of adapters want rates an order of magnitude apart, and so do methods.
    """
    return one.adapter.kind == other.adapter.kind and one.method.kind == other.method.kind


def learning_rate_ceiling(findings: Iterable[Finding], recipe: Recipe) -> float:
    """Return the highest rate worth trying: half the lowest that broke down; infinite if none."""
    broken = [
        finding.recipe.method.learning_rate
        for finding in findings
        if like_rates(finding.recipe, recipe) and broke_down(finding)
    ]
    return min(broken, default=math.inf) / 2


def failed_by_itself(outcome: Outcome | None) -> bool:
    """Whether a run failed for what its recipe may be to blame for, and no machine or server."""
    if not isinstance(outcome, Failed):
        return False
    return outcome.error not in (*NOBODYS_FAULT, "NotCertified")


def broke_down(finding: Finding) -> bool:
    """Whether a finding ended in a way that a smaller learning rate may mend."""
    match finding.outcome:
        case Failed(error=error):
            return error in _UNSTABLE
        case Trained(stopped=stopped):
            return stopped == "diverged"
    return False


def best_of(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding with the highest score, the oldest of equals; None without scores."""
    scored = [finding for finding in findings if finding.value is not None]
    return max(scored, key=lambda finding: finding.value or 0.0, default=None)


def said_of(step: Step) -> str:
    """Say a step for people, for example ``#3 took learning_rate up and gained 0.05``."""
    lesson = step.child.lesson
    who = f"#{step.child.experiment} took {step.factor} {_toward(step)}"
    if lesson is None or lesson.effect is None:
        return f"{who} and {'failed' if step.credit < 0 else 'is not over'}"
    if lesson.verdict == "same":
        return f"{who} to no clear effect ({lesson.effect:+.3f})"
    return f"{who} and {'gained' if lesson.effect > 0 else 'lost'} {abs(lesson.effect):.3f}"


def _toward(step: Step) -> str:
    return step.toward if step.toward in ("up", "down") else f"to {step.toward}"


def _between(parent: Finding, child: Finding, factors: Iterable[Factor]) -> Iterator[Step]:
    changed: list[tuple[Factor, Value, Value]] = []
    for factor in factors:
        before, after = value_of(parent.recipe, factor.name), value_of(child.recipe, factor.name)
        if before is not None and after is not None and before != after:
            changed.append((factor, before, after))
    for factor, before, after in changed:
        if factor.name == "learning_rate" and parent.recipe.method.kind != child.recipe.method.kind:
            continue  # methods want rates of their own, so the jump says nothing of either way
        toward = direction(factor, before, after)
        credit = _credit(child) / len(changed)
        yield Step(parent.experiment, child, factor.name, toward, before, after, credit)


def direction(factor: Factor, before: Value, after: Value) -> str:
    """Return ``up`` or ``down`` for an ordered factor, the new value of a choice as text."""
    if factor.scale == "choice":
        return str(after)
    return "up" if float(after) > float(before) else "down"


def _credit(child: Finding) -> float:
    if child.lesson is not None:
        return _CREDIT[child.lesson.verdict]
    return _CREDIT["failed"] if isinstance(child.outcome, Failed) else _UNDER_WAY


def _agreement(step: Step, toward: str) -> float:
    if step.toward == toward:
        return step.credit
    # Without a clear effect one way, nothing follows for the other.
    clear = step.child.lesson is not None and step.child.lesson.verdict != "same"
    opposite = {step.toward, toward} == {"up", "down"} or toward == str(step.before)
    return -step.credit if clear and opposite else 0.0


def _relevance(step: Step, factor: Factor, at: Finding) -> float:
    if factor.name == "learning_rate" and not like_rates(step.child.recipe, at.recipe):
        return 0.0
    near = 1.0 if touches(step, at) else _ELSEWHERE
    here = value_of(at.recipe, factor.name)
    if factor.scale != "log" or here is None:
        return near
    middle = math.sqrt(float(step.before) * float(step.after))
    return near * math.exp(-abs(math.log(float(here) / middle)) / math.log(10))


def parent_of(findings: Iterable[Finding], number: ExperimentId) -> Finding | None:
    """Return the finding of that number; None for `ROOT` and for unknown ones."""
    if number == ROOT:
        return None
    return next((finding for finding in findings if finding.experiment == number), None)


def asked_parent(request: ProposeRequest) -> Finding | None:
    """Return the finding to derive experiments from; None where that is `ROOT`.

    Raises:
        Rejected: it is neither `ROOT` nor among the findings.
    """
    parent = parent_of(request.findings, request.parent)
    if parent is None and request.parent != ROOT:
        raise Rejected(
            f"experiment {request.experiments[0]}: wanted its parent {request.parent} among the "
            f"{len(request.findings)} findings, found it missing; send it or ask below {ROOT}"
        )
    return parent
