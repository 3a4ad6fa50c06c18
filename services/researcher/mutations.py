"""How a parent's recipe is changed in a factor or two, driven by what the tree has shown."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.researcher import prior
from services.researcher.evidence import (
    Step,
    best_of,
    direction,
    learning_rate_ceiling,
    said_of,
    steps,
    support,
    touches,
)
from services.researcher.factors import Factor, Value, value_of, with_value
from services.researcher.remedies import Symptom, symptoms
from services.researcher.rounding import rounded
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe

SECOND_CHANGE = 0.3
"""How often a second factor is changed too. One at a time teaches more, two get further."""

_FIRST_STEP = math.log(2.5)  # of a log-scale factor; twice is about the spread of the prior
_STEP_SPREAD = 0.25
_LEAST_STEP = math.log(1.15)  # below, two recipes score alike
_SUPPORT_LIMIT = 2.5  # what the tree says changes a weight by at most a factor of 12 either way


@dataclass(frozen=True, slots=True)
class Move:
    """A value for one factor, how often to try it, and why."""

    factor: str
    value: Value
    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A changed recipe with the reasons for the changes."""

    recipe: Recipe
    reasons: tuple[str, ...]


def mutate(request: ProposeRequest, parent: Finding, rng: random.Random) -> Mutation:
    """Return the parent's recipe with one factor changed, `SECOND_CHANGE` of the times two."""
    table = prior.factors(request.brief, request.context.base_model)
    moves = list(_moves(request, parent, table, rng))
    chosen = [_draw(moves, rng)]
    if chosen[0].factor == "adapter":
        chosen.append(_rate_for(str(chosen[0].value), table["learning_rate"], request, parent))
    elif rng.random() < SECOND_CHANGE:
        # What belongs to another kind of adapter is settled once that kind has been tried.
        others = [move for move in moves if move.factor not in (chosen[0].factor, "adapter")]
        chosen += [_draw(others, rng)] if others else []
    recipe = parent.recipe
    for move in chosen:
        recipe = with_value(recipe, move.factor, move.value)
    ceiling = learning_rate_ceiling(request.findings, recipe.adapter.kind)
    if recipe.method.learning_rate > ceiling:
        recipe = with_value(recipe, "learning_rate", rounded(table["learning_rate"], ceiling))
    return Mutation(recipe, tuple(move.reason for move in chosen))


def _draw(moves: Sequence[Move], rng: random.Random) -> Move:
    return rng.choices(moves, weights=[move.weight for move in moves])[0]


def _moves(
    request: ProposeRequest, parent: Finding, table: dict[str, Factor], rng: random.Random
) -> Iterator[Move]:
    taken = steps(request.findings, table.values())
    found = symptoms(parent, request.findings)
    best = best_of(f for f in request.findings if f.experiment != parent.experiment)
    for factor in table.values():
        here = value_of(parent.recipe, factor.name)
        if here is None:
            continue
        linked = [s for s in taken if s.factor == factor.name and touches(s, parent)]
        for value in _targets(factor, here, linked, parent, rng):
            yield _weighed(factor, value, here, parent, taken, found)
        if best is not None:
            yield from _crossover(factor, here, parent, best)


def _targets(
    factor: Factor, here: Value, linked: Sequence[Step], parent: Finding, rng: random.Random
) -> Iterator[Value]:
    """Return the values one step away."""
    if factor.scale == "choice":
        yield from (value for value in factor.values if value != here)
    elif factor.scale == "ladder":
        lower = [value for value in factor.values if float(value) < float(here)]
        higher = [value for value in factor.values if float(value) > float(here)]
        yield from lower[-1:] + higher[:1]
    else:
        for sign in (-1, 1):
            size = _step_size(sign, float(here), linked, parent) * rng.lognormvariate(
                0.0, _STEP_SPREAD
            )
            value = rounded(factor, float(here) * math.exp(sign * size))
            if abs(math.log(float(value) / float(here))) >= _LEAST_STEP:
                yield value


def _step_size(sign: int, here: float, linked: Sequence[Step], parent: Finding) -> float:
    """Return how far to go (in logarithms) one way from here.

    Where that way has been tried, half as far as what was tried if that was no better, so that a
    maximum between the two is found, and half as far again if it was better.
    """
    distances = []
    for step in linked:
        from_here = step.parent == parent.experiment
        there = float(step.after if from_here else step.before)
        distance = sign * math.log(there / here)
        if distance > 0:
            better_there = step.credit > 0 if from_here else step.credit < 0
            distances.append(distance * (1.5 if better_there else 0.5))
    return min(distances, default=_FIRST_STEP)


def _weighed(
    factor: Factor,
    value: Value,
    here: Value,
    parent: Finding,
    taken: Sequence[Step],
    found: Sequence[Symptom],
) -> Move:
    toward = direction(factor, here, value)
    said = support(factor, toward, parent, taken)
    weight = factor.weight / (2 if factor.scale != "choice" else len(factor.values) - 1)
    weight *= math.exp(max(-_SUPPORT_LIMIT, min(_SUPPORT_LIMIT, said)))
    for symptom in found:
        weight *= symptom.factor_for(factor.name, toward)
    reasons = [s.said for s in found if s.factor_for(factor.name, toward) > 1]
    if said > 0:
        reasons.append(said_of(max(taken, key=lambda s: support(factor, toward, parent, [s]))))
    elif said < 0 and not reasons:
        against = min(taken, key=lambda s: support(factor, toward, parent, [s]))
        reasons.append(f"it is due another try although {said_of(against)}")
    reason = " and ".join(reasons) or "nothing seen so far speaks against it"
    return Move(factor.name, value, weight, reason)


def _crossover(factor: Factor, here: Value, parent: Finding, best: Finding) -> Iterator[Move]:
    """Yield the move to what the best experiment elsewhere uses, if that is another value."""
    there = value_of(best.recipe, factor.name)
    alike = best.recipe.adapter.kind == parent.recipe.adapter.kind
    if there is None or there == here or (factor.name == "learning_rate" and not alike):
        return
    ahead = (best.value or 0.0) > (parent.value or 0.0)
    reason = f"#{best.experiment} uses it and scored {best.value:.3f}"
    yield Move(factor.name, there, factor.weight * (0.5 if ahead else 0.1), reason)


def _rate_for(kind: str, factor: Factor, request: ProposeRequest, parent: Finding) -> Move:
    """Return the learning rate that goes with another kind of adapter.

    The best rate seen with that kind; without one, the parent's, moved as far from the prior's
    middle for the new kind as it was from the middle for its own.
    """
    best = best_of(f for f in request.findings if f.recipe.adapter.kind == kind)
    if best is not None:
        rate = best.recipe.method.learning_rate
        return Move(factor.name, rate, 1.0, f"#{best.experiment} is the best {kind} run")
    size = prior.parameters(request.brief, request.context.base_model)
    ratio = prior.learning_rate(kind, size) / prior.learning_rate(parent.recipe.adapter.kind, size)
    value = rounded(factor, parent.recipe.method.learning_rate * ratio)
    return Move(factor.name, value, 1.0, f"{kind} wants {ratio:.2g} times the learning rate")
