"""Puts a recipe on the job it is for, whoever proposed it and wherever it was derived from."""

from services.researcher import prior
from services.researcher.costs import fitted
from services.researcher.factors import replaced, with_method
from shared.contracts.base import digest
from shared.contracts.operators import Tokens
from shared.contracts.proposal import ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Trained


def grounded(recipe: Recipe, request: ProposeRequest) -> Recipe:
    """Return the recipe on the job's model, rows and limits.

    It goes on from another experiment only where that left weights for its adapter; else it starts
    from the base model.
    """
    start = prior.default_recipe(request.brief, request.context)
    load, mapping, hold_out = start.data
    place = [operator.kind for operator in recipe.data].index("map")
    on_rows = recipe.data[1:place]
    on_samples = [
        one.model_copy(update={"tokenizer": start.base_model}) if isinstance(one, Tokens) else one
        for one in recipe.data[place + 1 :]
        if one.kind not in ("hold_out", "mix")
    ]
    recipe = replaced(
        recipe,
        base_model=start.base_model,
        data=(load, *on_rows, mapping, *on_samples, hold_out),
        continues=recipe.continues if _can_go_on(recipe, request) else None,
        seed=start.seed,
    )
    recipe = with_method(recipe, max_length=start.method.max_length)
    return fitted(recipe, request)


def _can_go_on(recipe: Recipe, request: ProposeRequest) -> bool:
    if recipe.continues is None:
        return False
    return any(
        isinstance(finding.outcome, Trained)
        and finding.kept
        # Weights are gone on with as they lie there: a rank or a dropout would be overlooked.
        and finding.recipe.adapter == recipe.adapter
        and digest(finding.recipe) == recipe.continues
        for finding in request.findings
    )
