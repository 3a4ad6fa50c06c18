"""Draws the numbers whose ways a model has named; how far they go is never the model's to say."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from services.researcher import prior
from services.researcher.evidence import direction, learning_rate_ceiling
from services.researcher.factors import Factor, value_of, with_value
from services.researcher.llm.proposing.place import Place
from services.researcher.llm.proposing.whitelist import Knob
from services.researcher.moves import Move, Situation, moves, situation
from services.researcher.rounding import rounded
from shared.contracts.recipe import Recipe
from shared.errors import Rejected


def drawn(
    recipe: Recipe, knobs: Sequence[Knob], place: Place, rng: random.Random
) -> Iterator[Recipe]:
    """Yield recipes with every knob turned its way, without end; without knobs, the recipe once.

    How far follows from what the tree has shown, as of the moves of the rules.

    Raises:
        Rejected: a number cannot go that way, or is none of this recipe.
    """
    table = prior.factors(place.request.brief, place.request.context)
    _refuse_what_is_not_there(recipe, knobs, table)
    if not knobs:
        yield _below_what_broke(recipe, place, table)
        return
    at = place.beginning_at(recipe)
    here = situation(at, place.request.findings, tuple(table.values()))
    here = replace(here, factors=tuple(table[knob.name] for knob in knobs))
    while True:
        made = recipe
        for move in [_draw(knob, recipe, here, table, rng) for knob in knobs]:
            made = with_value(made, move.factor, move.value)
        made = _below_what_broke(made, place, table)
        _refuse_the_other_way(recipe, made, knobs, table)
        yield made


def turnable(recipe: Recipe, place: Place) -> tuple[str, ...]:
    """Return the numbers of a recipe that can be turned on its job."""
    table = prior.factors(place.request.brief, place.request.context)
    return tuple(
        name
        for name, factor in table.items()
        if factor.scale != "choice" and value_of(recipe, name) is not None
    )


def _refuse_what_is_not_there(
    recipe: Recipe, knobs: Sequence[Knob], table: Mapping[str, Factor]
) -> None:
    names = [knob.name for knob in knobs]
    if len(set(names)) < len(names):
        raise Rejected(f"knobs: wanted each once, found {', '.join(names)}; leave the others out")
    for name in names:
        if name not in table or value_of(recipe, name) is None:
            raise Rejected(f"{name}: this recipe has no such number to turn; turn another")


def _draw(
    knob: Knob, recipe: Recipe, here: Situation, table: Mapping[str, Factor], rng: random.Random
) -> Move:
    factor, value = table[knob.name], value_of(recipe, knob.name)
    assert value is not None
    possible = [
        move
        for move in moves(here, rng)
        if move.factor == knob.name
        and knob.direction in ("tune", direction(factor, value, move.value))
    ]
    if not possible:
        raise Rejected(
            f"{knob.name}: it cannot go {knob.direction} from {value}, which is as far as it "
            "goes; turn it the other way or turn another"
        )
    return rng.choices(possible, weights=[move.weight for move in possible])[0]


def _below_what_broke(recipe: Recipe, place: Place, table: Mapping[str, Factor]) -> Recipe:
    ceiling = learning_rate_ceiling(place.request.findings, recipe)
    if recipe.method.learning_rate <= ceiling:
        return recipe
    return with_value(recipe, "learning_rate", rounded(table["learning_rate"], ceiling))


def _refuse_the_other_way(
    before: Recipe, after: Recipe, knobs: Sequence[Knob], table: Mapping[str, Factor]
) -> None:
    # Only a learning rate can have been taken back, by what broke down above it.
    wanted = next((knob.direction for knob in knobs if knob.name == "learning_rate"), "tune")
    old, new = before.method.learning_rate, after.method.learning_rate
    if wanted == "up" and direction(table["learning_rate"], old, new) != "up":
        raise Rejected(
            f"learning_rate: it cannot go up from {old:.3g}, for runs broke down from "
            f"{2 * new:.3g}; turn it down or turn another"
        )
