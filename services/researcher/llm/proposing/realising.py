"""Makes recipes of an idea, each checked as a user's own would be. Pure but for the rows."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

from pydantic import ValidationError

from services.researcher import prior
from services.researcher.forecast import forecast
from services.researcher.grounding import grounded
from services.researcher.llm.proposing.changing import changed
from services.researcher.llm.proposing.ideas import Idea
from services.researcher.llm.proposing.joining import joined
from services.researcher.llm.proposing.knobs import drawn
from services.researcher.llm.proposing.place import Place
from services.researcher.llm.proposing.repeats import is_near, refuse_repeat
from shared.contracts.base import read_as, sentences
from shared.contracts.recipe import Recipe
from shared.errors import Rejected

CANDIDATES = 16
"""Recipes drawn for one idea; the scores so far choose among them."""


def recipes_of(idea: Idea, place: Place) -> tuple[Recipe, ...]:
    """Return recipes that carry an idea out, at least one, apart in how far its numbers go.

    The same idea at the same place for the same experiment gives the same recipes.

    Raises:
        Rejected: it cannot be carried out there.
    """
    if place.parent is not None and not (idea.join or idea.changes or idea.knobs):
        raise Rejected("it changes nothing: name a change, a knob or an experiment to join")
    try:
        return tuple(islice(_recipes(idea, place), CANDIDATES))
    except ValidationError as error:
        raise Rejected("; ".join(sentences(error.errors()))) from None


def most_promising(recipes: Sequence[Recipe], place: Place) -> Recipe:
    """Return the new one of which the scores so far expect most.

    Raises:
        Rejected: all were tried, with what came of it.
    """
    request = place.request
    tried = [finding.recipe for finding in request.findings]
    new = [one for one in recipes if not any(is_near(one, other) for other in tried)]
    if not new:
        refuse_repeat(recipes[0], request.findings)
    table = prior.factors(request.brief, request.context)
    seen = forecast(request.findings, table.values())
    return new[0] if seen is None else max(new, key=seen.improvement)


def _recipes(idea: Idea, place: Place) -> Iterator[Recipe]:
    request = place.request
    made = place.recipe
    for number in idea.join:
        made = joined(made, number, place)
    for change in idea.changes:
        made = changed(made, change, place)
    rng = random.Random(f"{request.context.seed}/{request.job_id}/{request.experiments[0]}")
    for one in drawn(made, idea.knobs, place, rng):
        recipe = grounded(one, request)
        if recipe.continues is None and any(
            change.kind == "continues" and change.on for change in idea.changes
        ):
            raise Rejected(
                "continues: wanted the adapter as the parent has it, found another; leave one of "
                "the two out"
            )
        yield read_as(Recipe, recipe.model_dump(mode="json"), what="recipe")
