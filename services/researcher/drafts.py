"""Fresh starts from the base model: the usual settings first, then what spreads out most."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from services.researcher import prior
from services.researcher.evidence import best_of, learning_rate_ceiling
from services.researcher.factors import Factor, Value, with_value
from services.researcher.rounding import rounded
from shared.contracts.method import Sft
from shared.contracts.proposal import ProposeRequest
from shared.contracts.recipe import Recipe

_FIRST = (
    ("lora", 1.0, 1.0, "these are the usual settings"),
    ("full", 1.0, 1.0, "these are the usual settings of full tuning"),
    ("lora", 4.0, 1.0, "a high learning rate has not been tried"),
    ("full", 0.3, 2.0, "a low learning rate for longer has not been tried"),
)
"""The first drafts: adapter, share of the usual learning rate, of the usual epochs, and in words.

Both kinds and both ends of the learning rate, because these two decide most of a score.
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A recipe that derives from no other."""

    recipe: Recipe
    idea: str
    """Why it is worth trying, as the end of a sentence that begins with *because*."""


def draft(request: ProposeRequest, ordinal: int) -> Draft:
    """Return the fresh start of that number, counted from 0; each number is another recipe."""
    table = prior.factors(request.brief, request.context)
    kinds = table["adapter"].values if "adapter" in table else ("lora",)
    if ordinal < len(_FIRST) and _FIRST[ordinal][0] in kinds:
        kind, of_rate, of_epochs, idea = _FIRST[ordinal]
        rate = of_rate * _usual_rate(request, kind)
        epochs = of_epochs * float(table["num_train_epochs"].default)
        return Draft(_recipe(request, table, kind, rate, {"num_train_epochs": epochs}), idea)
    kind = str(kinds[ordinal % len(kinds)])
    place = _place(ordinal + request.context.seed)
    middle = _middle_rate(request, kind)
    rate = middle * math.exp(prior.LEARNING_RATE_SPREAD * NormalDist().inv_cdf(place[0]))
    free = (factor for factor in table.values() if factor.name not in ("adapter", "learning_rate"))
    values = {
        factor.name: _pick(factor, place[1 + number % (len(place) - 1)])
        for number, factor in enumerate(free)
        if factor.weight >= _MATTERS
    }
    idea = f"no other draft is near, looking around learning rate {middle:.2g}"
    return Draft(_recipe(request, table, kind, rate, values), idea)


_MATTERS = 0.4
"""Factors of less weight stay at their default in a draft; mutations get to them."""


def _recipe(
    request: ProposeRequest,
    table: dict[str, Factor],
    kind: str,
    rate: float,
    values: dict[str, Value],
) -> Recipe:
    recipe = prior.default_recipe(request.brief, request.context)
    if kind != recipe.adapter.kind:
        recipe = with_value(recipe, "adapter", kind)
    rate = min(rate, learning_rate_ceiling(request.findings, recipe))
    for name, value in {"learning_rate": rate, **values}.items():
        if name != "r" or kind == "lora":
            recipe = with_value(recipe, name, rounded(table[name], value))
    return recipe


def _usual_rate(request: ProposeRequest, kind: str) -> float:
    size = prior.parameters(request.brief, request.context.base_model)
    return prior.learning_rate(kind, size)


def _middle_rate(request: ProposeRequest, kind: str) -> float:
    """Half way (in logarithms) from the prior to the best rate seen with this kind of adapter."""
    usual = _usual_rate(request, kind)
    best = best_of(
        finding
        for finding in request.findings
        if finding.recipe.adapter.kind == kind and isinstance(finding.recipe.method, Sft)
    )
    return usual if best is None else math.sqrt(usual * best.recipe.method.learning_rate)


def _pick(factor: Factor, share: float) -> Value:
    """Return the value that far along a factor's range, in logarithms where it is a log scale."""
    if factor.scale == "log":
        low, high = float(factor.values[0]), float(factor.values[1])
        return low * math.pow(high / low, share)
    return factor.values[int(share * len(factor.values))]


def _place(number: int) -> tuple[float, ...]:
    """Return a point of the open unit cube that is far from those of all other numbers.

    Source: the R sequence, Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences",
    2018: multiples, modulo 1, of the powers of ``1 / g`` with ``g ** (d + 1) == g + 1``.
    """
    g = 1.0
    for _ in range(64):
        g = math.pow(1 + g, 1 / (_DIMENSIONS + 1))
    steps = (math.pow(g, -(power + 1)) for power in range(_DIMENSIONS))
    return tuple(min(max((0.5 + number * step) % 1.0, 0.001), 0.999) for step in steps)


_DIMENSIONS = 7
