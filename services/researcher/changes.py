"""What was changed from one recipe to another, and toward where: factors as lessons name them.

Names and directions mean the same in every job: a data operator that comes is named by its kind and
not by what it says of one data set, and what goes with another change is no change of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.researcher.difference import facts
from services.researcher.factors import OFF
from shared.contracts.method import FullTuning
from shared.contracts.recipe import Recipe

ON = "on"
"""The value of a data operator that a recipe has."""

_OF_THE_JOB = ("load", "load_hub", "map", "hold_out", "decontaminate", "base_model")
"""No choices of how to learn."""

# Another kind of adapter wants rates an order of magnitude apart, another method counts otherwise.
_WITH_ADAPTER = ("learning_rate", "r", "lora_alpha", "lora_dropout", "use_rslora")
_WITH_METHOD = ("learning_rate", "batch_size", "beta")


@dataclass(frozen=True, slots=True)
class Change:
    """One factor in which two recipes differ."""

    factor: str
    """For example ``learning_rate``, ``deduplicate`` or ``near_duplicates threshold``."""
    before: str
    after: str
    toward: str
    """``up`` or ``down`` of numbers, else the new value."""


def changes(before: Recipe, after: Recipe) -> tuple[Change, ...]:
    """Return every factor that differs, in the order of the recipe's fields."""
    return tuple(
        Change(factor, _shown(old), _shown(new), _toward(old, new))
        for factor, old, new in _differing(before, after)
    )


def _differing(before: Recipe, after: Recipe) -> Iterator[tuple[str, Any, Any]]:
    old, new = _values(before), _values(after)
    passed_over = _going_along(before, after)
    for factor in dict.fromkeys((*new, *old)):
        if factor in passed_over:
            continue
        one, other = old.get(factor), new.get(factor)
        if one is not None and other is not None and one != other:
            yield factor, one, other
        elif one is None and other == ON:
            yield factor, OFF, ON
        elif other is None and one == ON:
            yield factor, ON, OFF


def _values(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe chooses by its factor. An operator is on beside what it says."""
    values: dict[str, Any] = {"sample": 1.0}  # of a recipe without, all are kept
    for name, value in facts(recipe).items():
        operator, _, field = name.rpartition(" ")
        if (operator or field).split(" ")[0] in _OF_THE_JOB or field == "seed":
            continue
        if operator and operator != "sample":
            values[operator] = ON
        values["sample" if name == "sample share" else name] = value
    return values | ({} if recipe.continues is None else {"continues": ON})


def _going_along(before: Recipe, after: Recipe) -> set[str]:
    passed_over: set[str] = set()
    if before.adapter.kind != after.adapter.kind:
        passed_over.update(_WITH_ADAPTER)
    if before.method.kind != after.method.kind:
        passed_over.update(_WITH_METHOD)
    if _scale(before) == _scale(after):
        passed_over.add("lora_alpha")
    return passed_over


def _scale(recipe: Recipe) -> float | None:
    adapter = recipe.adapter
    return None if isinstance(adapter, FullTuning) else adapter.lora_alpha / adapter.r


def _toward(old: Any, new: Any) -> str:
    if _is_number(old) and _is_number(new):
        return "up" if new > old else "down"
    return _shown(new)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return ON if value else OFF
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:80]
