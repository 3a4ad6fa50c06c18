"""Says what differs between two recipes, and whether they are practically the same."""

from collections import Counter
from typing import Any

from shared.contracts.recipe import Recipe

NEAR = 0.05
"""Numbers that differ by less than this share are the same choice: seeds move scores by more."""


def differences(before: Recipe | None, after: Recipe) -> tuple[str, ...]:
    """Return what changed, for example ``learning_rate 0.0002 → 0.001``, a short string each.

    Against the base model, where ``before`` is None, it is what characterises the recipe.
    """
    new = facts(after)
    if before is None:
        return tuple(f"{name} {_shown(new[name])}" for name in _CHARACTER if name in new)
    old = facts(before)
    changed = [
        f"{name} {_shown(old[name])} → {_shown(value)}"
        for name, value in new.items()
        if name in old and old[name] != value
    ]
    come = [f"{name} {_shown(new[name])}" for name in new if name not in old and _telling(name)]
    gone = [f"{name} → off" for name in old if name not in new and _telling(name)]
    # A rank that went away goes without saying once the adapter has changed.
    return (*changed, *come, *(said for said in gone if said != "r → off"))


def near_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the `facts` differ in nothing but numbers, each by at most `NEAR` of the larger."""
    return one.keys() == other.keys() and all(
        _near(value, other[name]) for name, value in one.items()
    )


_CHARACTER = ("adapter", "r", "learning_rate", "num_train_epochs", "batch_size")


def _telling(name: str) -> bool:
    """Whether a fact that comes or goes says more than the facts that come or go with it."""
    return not name.endswith(" seed") and name not in ("lora_alpha", "lora_dropout", "use_rslora")


def facts(recipe: Recipe) -> dict[str, Any]:
    """Return everything a recipe says, under short names, its batch as one number."""
    adapter = recipe.adapter.model_dump()
    method = recipe.method.model_dump()
    per_device = method.pop("per_device_train_batch_size")
    batch = per_device * method.pop("gradient_accumulation_steps")
    kinds = {"adapter": adapter.pop("kind"), "method": method.pop("kind")}
    facts = kinds | adapter | method | {"batch_size": batch}
    times = Counter[str]()
    for operator in recipe.data:
        times[operator.kind] += 1
        again = f" {times[operator.kind]}" if times[operator.kind] > 1 else ""
        said = operator.model_dump(exclude={"kind"})
        if said.get("by") == "random":
            del said["by"]  # which goes without saying
        facts |= {f"{operator.kind}{again} {name}": value for name, value in said.items()}
    before = {} if recipe.continues is None else {"continues": recipe.continues[:12]}
    return facts | before | {"base_model": recipe.base_model, "seed": recipe.seed}


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= NEAR * max(abs(one), abs(other))
    return bool(one == other)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
