"""How one factor of a recipe is read and changed, everything else staying as it is."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from shared.contracts.method import Adapter, FullTuning, Lora, Qlora
from shared.contracts.operators import Deduplicate, Filter, Operator, Sample
from shared.contracts.recipe import Recipe

Value: TypeAlias = float | str

OFF = "off"
"""The value of a data operator that a recipe does without."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Something about a recipe that can be chosen."""

    name: str
    scale: Literal["log", "ladder", "choice"]
    values: tuple[Value, ...]
    """Lowest and highest on a log scale, the rungs of a ladder from the lowest, or the choices."""
    default: Value
    weight: float
    """How often it is changed while nothing is known, relative to the other factors."""
    why: str
    """Reason for the range and the default, with the source where there is one."""


def value_of(recipe: Recipe, name: str) -> Value | None:
    """Return a factor's value; None when it does not apply, as a rank without an adapter.

    ``filter`` is written as the longest prompt and completion kept, for example ``210/12``.
    """
    match name:
        case "adapter":
            return recipe.adapter.kind
        case "r" | "lora_dropout":
            return getattr(recipe.adapter, name, None)
        case "batch_size":
            method = recipe.method
            return method.per_device_train_batch_size * method.gradient_accumulation_steps
        case "deduplicate" | "filter" | "sample":
            return _of_operator(recipe, name)
        case _:
            value: Value = getattr(recipe.method, name)
            return value


def with_value(recipe: Recipe, name: str, value: Value) -> Recipe:
    """Return the recipe with one factor changed.

    A rank keeps its ``lora_alpha / r``; with rsLoRA it keeps ``lora_alpha``, as that scaling is
    meant. Between ``lora`` and ``qlora`` everything else about the adapter stays.
    """
    match name:
        case "adapter":
            return replaced(recipe, adapter=_adapter(recipe.adapter, str(value)))
        case "r" | "lora_dropout":
            return replaced(recipe, adapter=_changed_lora(recipe, name, value))
        case "batch_size":
            return with_method(
                recipe, per_device_train_batch_size=int(value), gradient_accumulation_steps=1
            )
        case "deduplicate" | "filter" | "sample":
            return _with_choice(recipe, name, value)
        case _:
            return with_method(recipe, **{name: value})


def new_lora(rank: int) -> Lora:
    """Return an adapter of the usual scale, ``lora_alpha = 2 r``."""
    return Lora(r=rank, lora_alpha=2 * rank)


def replaced(recipe: Recipe, **changes: Any) -> Recipe:
    """Return the recipe with fields replaced, checked like any other."""
    return Recipe(**(dict(recipe) | changes))


def with_method(recipe: Recipe, **changes: Any) -> Recipe:
    """Return the recipe with hyper-parameters replaced, checked like any other."""
    return replaced(recipe, method=type(recipe.method)(**(dict(recipe.method) | changes)))


def _adapter(before: Adapter, kind: str) -> Adapter:
    if kind == "full":
        return FullTuning()
    lora = new_lora(16) if isinstance(before, FullTuning) else before
    made = Qlora if kind == "qlora" else Lora
    return made.model_validate(lora.model_dump(exclude={"kind"}))


def _changed_lora(recipe: Recipe, name: str, value: Value) -> Adapter:
    adapter = recipe.adapter
    assert not isinstance(adapter, FullTuning), f"{name} needs an adapter"
    changes: dict[str, Any] = {name: value}
    if name == "r":
        changes = {"r": int(value)}
        if not adapter.use_rslora:
            scale = adapter.lora_alpha / adapter.r
            changes["lora_alpha"] = max(1, round(scale * int(value)))
    return type(adapter)(**(dict(adapter) | changes))


def _of_operator(recipe: Recipe, kind: str) -> Value:
    for operator in recipe.data:
        match operator:
            case Deduplicate() if kind == "deduplicate":
                return operator.by
            case Filter() if kind == "filter":
                return f"{operator.max_prompt_chars}/{operator.max_completion_chars}"
            case Sample() if kind == "sample":
                return operator.share
    return 1.0 if kind == "sample" else OFF


_ORDER = (
    "load", "where", "extract", "map", "language", "quality", "matching", "filter", "tokens",
    "deduplicate", "near_duplicates", "balance", "sample", "augment", "curriculum", "hold_out",
)  # fmt: skip


def without(recipe: Recipe, kind: str) -> Recipe:
    """Return the recipe without its data operators of a kind."""
    return replaced(recipe, data=tuple(one for one in recipe.data if one.kind != kind))


def with_operator(recipe: Recipe, new: Operator) -> Recipe:
    """Return the recipe with a data operator in place of those of its kind, or at its usual place.

    What is not known here stays where somebody put it.
    """
    kept = list(without(recipe, new.kind).data)
    later = _ORDER[_ORDER.index(new.kind) + 1 :]
    places = (place for place, operator in enumerate(kept) if operator.kind in later)
    kept.insert(next(places, len(kept)), new)
    return replaced(recipe, data=tuple(kept))


def _with_choice(recipe: Recipe, kind: str, value: Value) -> Recipe:
    if value == (1.0 if kind == "sample" else OFF):
        return without(recipe, kind)
    match kind:
        case "deduplicate":
            return with_operator(recipe, Deduplicate.model_validate({"by": value}))
        case "sample":
            return with_operator(recipe, Sample(share=float(value), seed=recipe.seed))
        case _:
            prompt, completion = map(int, str(value).split("/"))
            longest = Filter(max_prompt_chars=prompt, max_completion_chars=completion)
            return with_operator(recipe, longest)
