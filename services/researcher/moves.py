"""Every single step away from a recipe, with how often to try it and why."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.researcher.evidence import (
    Step,
    best_of,
    direction,
    like_rates,
    said_of,
    steps,
    support,
    touches,
)
from services.researcher.factors import Factor, Value, value_of
from services.researcher.remedies import Symptom, symptoms
from services.researcher.rounding import rounded
from shared.contracts.proposal import Finding

_FIRST_STEP = math.log(2.5)  # of a log-scale factor; twice is about the spread of the prior
_STEP_SPREAD = 0.25  # of a step's logarithm, so that two searches do not walk the same grid
_LEAST_STEP = math.log(1.15)  # below, two recipes score alike
_SUPPORT_LIMIT = 2.5  # what the tree says changes a weight by at most a factor of 12 either way
_TAKEN_OVER, _TAKEN_FROM_WORSE = 0.5, 0.1  # weight of a value of the best experiment elsewhere


@dataclass(frozen=True, slots=True)
class Move:
    """A value for one factor, how often to try it, and why."""

    factor: str
    value: Value
    weight: float
    reason: str
    """As the end of a sentence that begins with *because*."""


@dataclass(frozen=True, slots=True)
class Situation:
    """An experiment to improve on, and what the tree says that bears on it."""

    at: Finding
    factors: tuple[Factor, ...]
    steps: tuple[Step, ...]
    symptoms: tuple[Symptom, ...]
    best_elsewhere: Finding | None


def situation(at: Finding, findings: Sequence[Finding], factors: tuple[Factor, ...]) -> Situation:
    """Return what the findings say about improving on one of them."""
    return Situation(
        at=at,
        factors=factors,
        steps=steps(findings, factors),
        symptoms=tuple(symptoms(at, findings)),
        best_elsewhere=best_of(f for f in findings if _elsewhere(f, at)),
    )


def _elsewhere(finding: Finding, at: Finding) -> bool:
    # What tells a parent from its child has been tried: the steps between them speak for that.
    lineage = (at.experiment, at.parent)
    return finding.experiment not in lineage and finding.parent != at.experiment


def moves(here: Situation, rng: random.Random) -> Iterator[Move]:
    """Yield every move from here: a step each way, and the values of the best elsewhere."""
    for factor in here.factors:
        value = value_of(here.at.recipe, factor.name)
        if value is None:
            continue
        for target in _targets(factor, value, here, rng):
            yield _weighed(factor, value, target, here)
        if here.best_elsewhere is not None:
            yield from _taken_over(factor, value, here.at, here.best_elsewhere)


def _targets(factor: Factor, value: Value, here: Situation, rng: random.Random) -> Iterator[Value]:
    """Yield the values one step away."""
    if factor.scale == "choice":
        yield from (other for other in factor.values if other != value)
    elif factor.scale == "ladder":
        lower = [rung for rung in factor.values if float(rung) < float(value)]
        higher = [rung for rung in factor.values if float(rung) > float(value)]
        yield from lower[-1:] + higher[:1]
    else:
        for sign in (-1, 1):
            size = _step_size(factor, sign, float(value), here)
            size *= rng.lognormvariate(0.0, _STEP_SPREAD)
            target = rounded(factor, float(value) * math.exp(sign * size))
            if sign * math.log(float(target) / float(value)) >= _LEAST_STEP:
                yield target


def _step_size(factor: Factor, sign: int, value: float, here: Situation) -> float:
    """Return how far to go (in logarithms) one way from here.

    Where that way has been tried, half as far as what was tried if that was no better, so that a
    maximum between the two is found, and half as far again if it was better.
    """
    sizes = []
    for step in here.steps:
        if step.factor != factor.name or not touches(step, here.at):
            continue
        from_here = step.parent == here.at.experiment
        there = float(step.after if from_here else step.before)
        distance = sign * math.log(there / value)
        better_there = step.credit > 0 if from_here else step.credit < 0
        if distance > 0:
            sizes.append(distance * (1.5 if better_there else 0.5))
    return min(sizes, default=_FIRST_STEP)


def _weighed(factor: Factor, value: Value, target: Value, here: Situation) -> Move:
    toward = direction(factor, value, target)
    taken = [step for step in here.steps if step.factor == factor.name]
    said = support(factor, toward, here.at, taken)
    # A factor counts once, however many ways there are to change it.
    weight = factor.weight / (len(factor.values) - 1 if factor.scale == "choice" else 2)
    weight *= math.exp(max(-_SUPPORT_LIMIT, min(_SUPPORT_LIMIT, said)))
    for symptom in here.symptoms:
        weight *= symptom.factor_for(factor.name, toward)
    return Move(factor.name, target, weight, _reason(factor, toward, said, taken, here))


def _reason(
    factor: Factor, toward: str, said: float, taken: Sequence[Step], here: Situation
) -> str:
    def says(step: Step) -> float:
        return support(factor, toward, here.at, [step])

    reasons = [s.said for s in here.symptoms if s.factor_for(factor.name, toward) > 1]
    if said > 0:
        reasons.append(said_of(max(taken, key=says)))
    elif said < 0 and not reasons:
        against = said_of(min(taken, key=says))
        reasons.append(f"it is due another try although {against}")
    return " and ".join(reasons) or "nothing seen so far speaks against it"


def _taken_over(factor: Factor, value: Value, at: Finding, best: Finding) -> Iterator[Move]:
    """Yield the move to what the best experiment elsewhere uses, if that is another value."""
    there = value_of(best.recipe, factor.name)
    alike = like_rates(best.recipe, at.recipe)
    if there is None or there == value or (factor.name == "learning_rate" and not alike):
        return
    ahead = (best.value or 0.0) > (at.value or 0.0)
    weight = factor.weight * (_TAKEN_OVER if ahead else _TAKEN_FROM_WORSE)
    yield Move(
        factor.name, there, weight, f"#{best.experiment} uses it and scored {best.value:.3f}"
    )
