"""Makes in one recipe the changes that another experiment made to its parent. Pure."""

from typing import Any, get_args

from services.researcher import prior
from services.researcher.evidence import like_rates
from services.researcher.factors import (
    replaced,
    value_of,
    with_method,
    with_operator,
    with_value,
    without,
)
from services.researcher.llm.proposing.place import Place
from services.researcher.llm.proposing.whitelist import Operator
from shared.contracts.recipe import Recipe
from shared.errors import Rejected

_APART = ("kind", "max_length", "per_device_train_batch_size", "gradient_accumulation_steps")
"""Fields of a method that are the job's or are taken together."""


def joined(recipe: Recipe, number: int, place: Place) -> Recipe:
    """Return the recipe with what experiment ``number`` changed about its parent.

    What a language model may not change is left as it is, and so is what does not go with the
    recipe's own adapter or method.

    Raises:
        Rejected: no such experiment has a score, or nothing of it makes a difference here.
    """
    request = place.request
    known = {int(finding.experiment): finding for finding in request.findings}
    scored = [one for one in known if known[one].value is not None and one != int(request.parent)]
    if number not in scored:
        numbers = ", ".join(map(str, scored)) or "none"
        raise Rejected(
            f"join: wanted the number of another experiment that has a score ({numbers}), found "
            f"{number}; leave it out"
        )
    other = known[number]
    above = known.get(other.parent)
    usual = prior.default_recipe(request.brief, request.context)
    made = _taken(recipe, usual if above is None else above.recipe, other.recipe)
    if made == recipe:
        raise Rejected(
            f"join: nothing that #{number} changed makes a difference here; leave it out"
        )
    return made


def _taken(recipe: Recipe, before: Recipe, after: Recipe) -> Recipe:
    made = _with_adapter(recipe, before, after)
    made = _with_method(made, before, after)
    for kind in get_args(Operator):
        old, new = ([one for one in r.data if one.kind == kind] for r in (before, after))
        if old != new:
            made = with_operator(made, new[-1]) if new else without(made, kind)
    return made


def _with_adapter(recipe: Recipe, before: Recipe, after: Recipe) -> Recipe:
    if before.adapter.kind != after.adapter.kind:
        return replaced(recipe, adapter=after.adapter)
    if recipe.adapter.kind != after.adapter.kind:
        return recipe
    return replaced(
        recipe,
        adapter=recipe.adapter.model_copy(update=_differing(before.adapter, after.adapter)),
    )


def _with_method(recipe: Recipe, before: Recipe, after: Recipe) -> Recipe:
    if before.method.kind != after.method.kind:
        return replaced(recipe, method=after.method)
    if recipe.method.kind != after.method.kind:
        return recipe
    changes = _differing(before.method, after.method)
    if before.adapter.kind != after.adapter.kind:
        changes["learning_rate"] = after.method.learning_rate
    elif not like_rates(recipe, after):
        changes.pop("learning_rate", None)
    made = with_method(recipe, **changes)
    batch = value_of(after, "batch_size")
    if batch is None or batch == value_of(before, "batch_size"):
        return made
    return with_value(made, "batch_size", batch)


def _differing(before: Any, after: Any) -> dict[str, Any]:
    old, new = before.model_dump(), after.model_dump()
    return {name: new[name] for name in new if name not in _APART and new[name] != old.get(name)}
