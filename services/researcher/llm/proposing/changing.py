"""Carries a change out on a recipe, or says why it cannot be made there. Pure but for the rows."""

from typing import Any

from services.researcher import prior
from services.researcher.evidence import best_of, like_rates
from services.researcher.factors import replaced, with_method, with_operator, with_value, without
from services.researcher.llm.proposing import operators
from services.researcher.llm.proposing.place import Place
from services.researcher.llm.proposing.whitelist import (
    AdapterTo,
    Change,
    Continues,
    MethodTo,
    RankStabilised,
    Remove,
    Schedule,
)
from services.researcher.mutations import rate_for
from services.researcher.rounding import rounded
from shared.contracts.method import Dpo, FullTuning, Grpo, Kto, Method, Sft
from shared.contracts.recipe import Recipe
from shared.errors import Rejected

_USUAL_RATES = {"sft": 2e-5, "dpo": 1e-6, "kto": 1e-6, "grpo": 1e-6}
"""Defaults of `trl.SFTConfig`, `trl.DPOConfig`, `trl.KTOConfig` and `trl.GRPOConfig`."""

_MOST_ANSWERS = 8  # to a prompt, as `trl.GRPOConfig` has it


def changed(recipe: Recipe, change: Change, place: Place) -> Recipe:
    """Return the recipe with a change made.

    Raises:
        Rejected: it cannot be made on this job or to this recipe, or it makes no difference.
    """
    made = _made(recipe, change, place)
    if made == recipe:
        raise Rejected(f"{change.kind}: that is so already; change something else")
    return made


def _made(recipe: Recipe, change: Change, place: Place) -> Recipe:
    match change:
        case AdapterTo(to=kind):
            return _with_adapter(recipe, kind, place)
        case RankStabilised(on=on):
            return _scaled(recipe, on)
        case MethodTo(to=name):
            return _with_method(recipe, name, place)
        case Schedule(to=shape):
            return with_value(recipe, "lr_scheduler_type", shape)
        case Continues(on=on):
            return replaced(recipe, continues=_start(place) if on else None)
        case Remove(operator=kind):
            if kind not in {operator.kind for operator in recipe.data}:
                raise Rejected(f"remove: there is no {kind} to remove; change something else")
            return without(recipe, kind)
        case _:
            return with_operator(recipe, operators.operator(recipe, change, place))


def _with_adapter(recipe: Recipe, kind: str, place: Place) -> Recipe:
    _refuse_others("adapter", kind, place.adapters)
    rate = rate_for(kind, place.request, place.beginning_at(recipe))
    return with_value(with_value(recipe, "adapter", kind), "learning_rate", rate.value)


def _scaled(recipe: Recipe, on: bool) -> Recipe:
    if isinstance(recipe.adapter, FullTuning):
        raise Rejected("use_rslora: there is no adapter to scale; change adapter to lora with it")
    return replaced(recipe, adapter=recipe.adapter.model_copy(update={"use_rslora": on}))


def _start(place: Place) -> str:
    if place.weights is None:
        raise Rejected("continues: the parent has left no weights to go on from; leave it out")
    return place.weights


def _with_method(recipe: Recipe, name: str, place: Place) -> Recipe:
    _refuse_others("method", name, place.methods)
    if name in ("sft", "dft") and isinstance(recipe.method, Sft):
        return with_method(recipe, loss_type="dft" if name == "dft" else "nll")
    made = replaced(recipe, method=_method(recipe, name, place))
    return with_value(made, "learning_rate", _rate(recipe, made, place))


def _method(recipe: Recipe, name: str, place: Place) -> Method:
    before = recipe.method
    batch = before.per_device_train_batch_size * before.gradient_accumulation_steps
    shared: dict[str, Any] = {
        "learning_rate": before.learning_rate,
        "num_train_epochs": before.num_train_epochs,
        "per_device_train_batch_size": batch,
        "lr_scheduler_type": before.lr_scheduler_type,
        "warmup_steps": before.warmup_steps,
        "weight_decay": before.weight_decay,
        "max_grad_norm": before.max_grad_norm,
        "max_length": before.max_length,
    }
    if batch % 2 and name in ("kto", "grpo"):
        raise Rejected(f"method: {name} compares answers in a batch, which is {batch}; keep sft")
    match name:
        case "dpo":
            return Dpo(**shared)
        case "kto":
            return Kto(**shared)
        case "grpo":
            context = place.request.context
            answers = max(n for n in range(2, _MOST_ANSWERS + 1) if batch % n == 0)
            return Grpo.model_validate(
                shared
                | {
                    "reward": context.metric.value,
                    "num_generations": answers,
                    "max_completion_length": context.limits.max_new_tokens,
                }
            )
        case _:
            return Sft(**shared, loss_type="dft" if name == "dft" else "nll")


def _rate(before: Recipe, after: Recipe, place: Place) -> float | str:
    """Return the best rate seen by such a method, else as the methods' usual rates differ."""
    request = place.request
    best = best_of(finding for finding in request.findings if like_rates(finding.recipe, after))
    if best is not None:
        return best.recipe.method.learning_rate
    ratio = _USUAL_RATES[after.method.kind] / _USUAL_RATES[before.method.kind]
    factor = prior.factors(request.brief, request.context)["learning_rate"]
    return rounded(factor, before.method.learning_rate * ratio)


def _refuse_others(what: str, wanted: str, possible: tuple[str, ...]) -> None:
    if wanted not in possible:
        raise Rejected(
            f"{what}: wanted one that this job allows ({', '.join(possible)}), found {wanted}; "
            "take one of those or change something else"
        )
