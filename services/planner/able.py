"""What the workers that are alive can do, as far as it bears on what is proposed."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts.capabilities import Capabilities
from shared.contracts.method import FullTuning, Qlora
from shared.contracts.recipe import Recipe
from shared.contracts.worker import Worker


@dataclass(frozen=True, slots=True)
class Able:
    """What can be trained and scored."""

    machines: tuple[Capabilities, ...] = ()
    """What executors can train, as far as they have said: each kind once, in one order."""

    adapters_only: bool = False
    """Whether no evaluator can score a model whose weights were all trained."""


ANYTHING = Able()
"""What workers can do that have not said otherwise."""


def able(living: Iterable[Worker]) -> Able:
    """Return what those of the workers can do that take work."""
    taking = [worker for worker in living if worker.takes_work]
    kinds = {worker.can for worker in taking if worker.service == "executor" and worker.can}
    scoring = [worker.adapters_only for worker in taking if worker.service == "evaluator"]
    return Able(
        machines=tuple(sorted(kinds, key=Capabilities.model_dump_json)),
        adapters_only=bool(scoring) and all(scoring),
    )


def refusal(recipe: Recipe, able: Able) -> str | None:
    """Return why nobody can train a recipe, or score what comes of it; None when that can be done.

    What machines can train is not known before they have said it, so they then can.
    """
    quantises = isinstance(recipe.adapter, Qlora)
    if quantises and able.machines and not any(one.quantised for one in able.machines):
        return "no executor that is alive can hold a base model in 4 bits"
    if isinstance(recipe.adapter, FullTuning) and able.adapters_only:
        return "no evaluator that is alive can score a model whose weights were all trained"
    return None
