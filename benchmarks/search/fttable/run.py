"""Makes one row of the table: trains a recipe in three parts and scores each checkpoint.

Training and scoring are the executor's and the evaluator's own code, in this process.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.fttable.grid import Point, recipe
from benchmarks.search.fttable.ground import Ground
from benchmarks.search.fttable.item import Item
from services.evaluator.in_process import TransformersScorer
from services.executor.pipeline import materialise
from services.executor.trainers.train import train
from shared.contracts.base import ExperimentId, JobId
from shared.contracts.run import RunRequest
from shared.errors import TrainingFailed

RUNGS = (1 / 9, 1 / 3, 1.0)
"""Shares of a run's steps at which it stops, is scored, and goes on."""

LIMIT_S = 600.0

Row = dict[str, Any]
"""One run, as JSON; `make_row` says what it holds."""


def make_row(ground: Ground, point: Point, seed: int, scratch: Path) -> Row:
    """Train and score one recipe with one seed.

    Returns:
        ``point``, ``seed``, ``error`` (None when it worked) and, when it worked, by rung ``cpu_s``
        (of training the steps since the rung before, this process's CPU time), ``score_s``
        (likewise), ``steps``, ``tokens``, ``train_loss``, ``likelihood`` (mean over the search
        items of the geometric mean probability of the right answer's tokens) and ``search``; at
        the last rung ``selection`` and ``test``: bits as hexadecimal, 1 for a right answer.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    chosen = recipe(
        point,
        seed=seed,
        base=ground.base,
        train=ground.train,
        column=ground.task.column,
        max_length=ground.task.max_length,
    )
    scorer = TransformersScorer()
    rungs: list[dict[str, Any]] = []
    resume: str | None = None
    try:
        data = materialise(chosen.data, ground.cache)
        for number, share in enumerate(RUNGS):
            folder = scratch / f"attempt-{number}" / "checkpoint"
            folder.parent.mkdir(parents=True)
            began = time.process_time()
            request = RunRequest(
                job_id=JobId("fttable"),
                experiment=ExperimentId(1),
                recipe=chosen,
                limit_s=LIMIT_S,
                step_share=share,
                resume_from=resume,
            )
            trained = train(request, data, folder, say=lambda _: None)
            cpu_s = time.process_time() - began
            resume = trained.resume
            began = time.process_time()
            last = share == 1.0
            bits = {
                split: right_answers(scorer, folder, ground, split)
                for split in (("search", "selection", "test") if last else ("search",))
            }
            likelihood = mean_likelihood(scorer, folder, ground)
            rungs.append(
                {
                    "cpu_s": round(cpu_s, 3),
                    "score_s": round(time.process_time() - began, 3),
                    "steps": trained.steps,
                    "tokens": trained.tokens,
                    "train_loss": round(trained.train_loss, 5),
                    "likelihood": round(likelihood, 6),
                    **{split: packed(one) for split, one in bits.items()},
                }
            )
    except TrainingFailed as failure:
        return {"point": point, "seed": seed, "error": str(failure), "rungs": rungs}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {"point": point, "seed": seed, "error": None, "rungs": rungs}


def right_answers(
    scorer: TransformersScorer, checkpoint: Path, ground: Ground, split: str
) -> list[bool]:
    """Return for each item of a split whether the model says its answer, case and edges aside."""
    items, said = ground.splits[split], dict[int, str]()
    for batch in scorer.answer(
        str(checkpoint),
        str(ground.base),
        _asked(items),
        max_new_tokens=ground.task.answer_tokens,
    ):
        said.update({i: answer.text for i, answer in batch.items()})
    return [said[i].strip().lower() == item.answer.lower() for i, item in enumerate(items)]


def mean_likelihood(scorer: TransformersScorer, checkpoint: Path, ground: Ground) -> float:
    """Return how likely the right answers are: see `make_row`."""
    items = ground.splits["search"]
    wanted = [item.answer for item in items]
    found = scorer.weigh(str(checkpoint), str(ground.base), _asked(items), wanted)
    values = [weighed.likelihood for batch in found for weighed in batch.values()]
    return sum(values) / len(values)


def packed(bits: Sequence[bool]) -> str:
    """Return bits as hexadecimal, the first one highest."""
    return np.packbits(np.array(bits, bool)).tobytes().hex()


def _asked(items: Sequence[Item]) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": item.text}] for item in items]
