"""What a recipe costs and is worth where nothing is trained. Pure: same recipe, same answer.

A run's checkpoint is named after what it is worth, so the simulated evaluator needs no more than
the name to score it.
"""

import math
from random import Random
from statistics import fmean, stdev

from shared.contracts.base import ROOT, digest
from shared.contracts.job import MetricName
from shared.contracts.method import FullTuning
from shared.contracts.operators import Sample
from shared.contracts.recipe import Recipe
from shared.contracts.run import LossPoint, RowCount, RunRequest, Tokenised, Trained
from shared.contracts.score import Certificate, Score, ScoreRequest

SPREAD = 0.5
"""A run takes at least so much less, and at most so much more, than the mean."""

EPOCHS = 5.0
"""Passes over all rows that take the mean."""

ITEMS = 300
"""Rows that a model is scored on."""

_UNEVEN = 0.1  # machines and rows are never quite alike
_BEST_RATE = {"full": 2e-3, "lora": 5e-3}
_LOSSES, _HELD_OUT = 50, 4  # points of the curves of a real run
_CERTIFICATE = Certificate(template_sha256="0" * 64, prompts=8, logprob_gap=0.0, answers_equal=1.0)


def seconds(request: RunRequest, mean_s: float) -> float:
    """Return how long a run takes: in proportion to its passes over rows, within `SPREAD`."""
    recipe = request.recipe
    rows = math.prod(one.share for one in recipe.data if isinstance(one, Sample))
    passes = recipe.method.num_train_epochs * rows / EPOCHS
    uneven = Random(digest(recipe)).uniform(1 - _UNEVEN, 1 + _UNEVEN)
    within = min(1 + SPREAD, max(1 - SPREAD, passes * uneven))
    return mean_s * within * request.step_share * request.data_share


def worth(recipe: Recipe) -> float:
    """Return the share of right answers that a recipe's model gives, in (0, 1).

    Highest at one learning rate for each kind of adapter, and at about eight passes.
    """
    kind = "full" if isinstance(recipe.adapter, FullTuning) else "lora"
    rate = math.log(recipe.method.learning_rate / _BEST_RATE[kind])
    passes = math.log(recipe.method.num_train_epochs / 8.0)
    luck = Random(f"worth {digest(recipe)}").gauss(0.0, 0.02)
    return min(0.98, max(0.02, 0.85 * math.exp(-(rate**2) / 4 - passes**2 / 8) + luck))


def trained(request: RunRequest, took_s: float) -> Trained:
    """Return the outcome of a run, as long as a real one's."""
    recipe = request.recipe
    final = 2.0 * (1.0 - worth(recipe))
    rows = tuple(RowCount(operator=one.kind, rows_in=2000, rows_out=2000) for one in recipe.data)
    return Trained(
        checkpoint=f"{worth(recipe):.4f}/{request.job_id}/{request.experiment}/{digest(recipe)}",
        train_loss=final,
        train_curve=_falling(_LOSSES, final),
        held_out_curve=_falling(_HELD_OUT, final + 0.1),
        rows=rows,
        tokenised=Tokenised(
            samples=2000, too_long=0, cut=0, trained_share=0.5, chat_template="0" * 64
        ),
        micro_batch=recipe.method.per_device_train_batch_size,
        steps=600,
        tokens=100_000,
        stopped="done",
        gpu_seconds=took_s,
    )


def scored(request: ScoreRequest) -> Score:
    """Return the score of a checkpoint by its name; the base model answers one in ten."""
    base = request.experiment == ROOT
    share = 0.1 if base else float(request.checkpoint.partition("/")[0])
    random = Random(f"{request.checkpoint} {request.split}")
    items = tuple(float(random.random() < share) for _ in range(ITEMS))
    return Score(
        metric=MetricName.EXACT_MATCH,
        split=request.split,
        data_sha256="0" * 64,
        value=fmean(items),
        stderr=stdev(items) / math.sqrt(ITEMS),
        items=items,
        empty_share=0.0,
        cut_share=0.0,
        certificate=None if base else _CERTIFICATE,
        engine="simulated",
        seconds=0.0,
    )


def _falling(points: int, final: float) -> tuple[LossPoint, ...]:
    steps = (600 * number // points for number in range(1, points + 1))
    return tuple(LossPoint(step=step, loss=final + math.exp(-step / 100)) for step in steps)
