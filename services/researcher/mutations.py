"""Changes a factor or two of a parent's recipe, driven by what the tree has shown."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.researcher import prior
from services.researcher.evidence import best_of, learning_rate_ceiling, like_rates
from services.researcher.factors import with_value
from services.researcher.moves import Move, Situation, moves, situation
from services.researcher.rounding import rounded
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe

SECOND_CHANGE = 0.3
"""How often a second factor is changed too. One at a time teaches more, two get further."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A changed recipe with the reasons for the changes."""

    recipe: Recipe
    reasons: tuple[str, ...]


def mutations(request: ProposeRequest, parent: Finding, rng: random.Random) -> Iterator[Mutation]:
    """Yield the parent's recipe with one factor changed or two, without end."""
    table = prior.factors(request.brief, request.context)
    here = situation(parent, request.findings, tuple(table.values()))
    while True:
        chosen = _choose(here, request, rng)
        recipe = parent.recipe
        for move in chosen:
            recipe = with_value(recipe, move.factor, move.value)
        ceiling = learning_rate_ceiling(request.findings, recipe)
        if recipe.method.learning_rate > ceiling:
            rate = rounded(table["learning_rate"], ceiling)
            recipe = with_value(recipe, "learning_rate", rate)
        yield Mutation(recipe, tuple(move.reason for move in chosen))


def _choose(here: Situation, request: ProposeRequest, rng: random.Random) -> list[Move]:
    possible = list(moves(here, rng))
    first = _draw(possible, rng)
    if first.factor == "adapter":
        return [first, rate_for(str(first.value), request, here.at)]
    # What belongs to another kind of adapter is settled once that kind has been tried.
    others = [move for move in possible if move.factor not in (first.factor, "adapter")]
    return [first, _draw(others, rng)] if rng.random() < SECOND_CHANGE else [first]


def _draw(possible: Sequence[Move], rng: random.Random) -> Move:
    return rng.choices(possible, weights=[move.weight for move in possible])[0]


def rate_for(kind: str, request: ProposeRequest, parent: Finding) -> Move:
    """Return the learning rate that goes with another kind of adapter.

    The best rate seen with that kind; without one, the parent's, moved as far from the prior's
    middle for the new kind as it was from the middle for its own.
    """
    there = with_value(parent.recipe, "adapter", kind)
    best = best_of(f for f in request.findings if like_rates(f.recipe, there))
    if best is not None:
        rate = best.recipe.method.learning_rate
        return Move("learning_rate", rate, 1.0, f"#{best.experiment} is the best {kind} run")
    model = request.context.base_model
    size = prior.parameters(request.brief, model)
    ratio = prior.learning_rate(kind, size) / prior.learning_rate(parent.recipe.adapter.kind, size)
    factor = prior.factors(request.brief, request.context)["learning_rate"]
    value = rounded(factor, parent.recipe.method.learning_rate * ratio)
    return Move("learning_rate", value, 1.0, f"{kind} wants {ratio:.2g} times the learning rate")
