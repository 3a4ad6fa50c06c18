"""What a run should cost, learned from the runs before it. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.contracts.brief import Brief
from shared.contracts.method import FullTuning
from shared.contracts.operators import Augment, Deduplicate, Sample
from shared.contracts.recipe import Recipe
from shared.contracts.teaching import Generate

_LIKE_WORK = 3.0  # runs of the prior belief that seconds grow as the work does
_LIKE_LORA = 0.25  # and that both kinds of adapters take as long


@dataclass(frozen=True, slots=True)
class Costs:
    """Foresees ``log seconds = start + slope * log work + full * [every weight is trained]``."""

    start: float
    slope: float
    full: float

    def seconds(self, recipe: Recipe, brief: Brief) -> float:
        """Return the device-seconds a full run of a recipe should take."""
        log = self.start + self.slope * math.log(work(recipe, brief))
        return math.exp(log + self.full * isinstance(recipe.adapter, FullTuning))


def work(recipe: Recipe, brief: Brief) -> float:
    """Return the tokens a full run trains on, up to a factor that a job's recipes share."""
    rows = float(brief.rows)
    for operator in recipe.data:
        match operator:
            case Deduplicate():
                rows *= 1 - brief.duplicate_share
            case Sample(share=share):
                rows *= share
            case Generate(samples=made):
                rows += made
            case Augment(copies=copies):
                rows *= 1 + copies
    chars = brief.prompt_chars_p95 + brief.completion_chars_p95
    return (
        max(1.0, rows) * recipe.method.num_train_epochs * min(recipe.method.max_length, chars + 1)
    )


def learn_costs(measured: Sequence[tuple[Recipe, float]], brief: Brief) -> Costs | None:
    """Return what full runs of these recipes, in device-seconds, teach; None without any.

    Ridge regression on logarithms towards seconds in proportion to the work. A slope below 1 is
    what starting a run costs; the job's model is one, so its size is part of ``start``.
    """
    if not measured:
        return None
    x = np.array([math.log(work(recipe, brief)) for recipe, _ in measured])
    full = np.array([float(isinstance(recipe.adapter, FullTuning)) for recipe, _ in measured])
    y = np.array([math.log(max(seconds, 1e-3)) for _, seconds in measured])
    centre = x.mean()
    columns = np.stack([np.ones_like(x), x - centre, full], axis=1)
    prior = np.diag([0.0, _LIKE_WORK, _LIKE_LORA])
    wanted = columns.T @ y + prior @ np.array([0.0, 1.0, 0.0])
    start, slope, more = np.linalg.solve(columns.T @ columns + prior, wanted)
    return Costs(float(start - slope * centre), float(slope), float(more))


def in_mean_runs(costs: Costs, recipes: Iterable[Recipe], brief: Brief) -> list[float]:
    """Return what full runs of recipes cost, in units of their geometric mean."""
    logs = np.array([math.log(costs.seconds(recipe, brief)) for recipe in recipes])
    return [float(one) for one in np.exp(logs - logs.mean())] if len(logs) else []
