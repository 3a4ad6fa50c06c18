"""Reads what lm-evaluation-harness 0.4.13 wrote about one task."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.contracts.score import Score, ScoreRequest
from shared.errors import DataFailed, ScoringFailed


@dataclass(frozen=True, slots=True)
class Result:
    """What a task's main metric said: the first that the task names, with its first filter."""

    metric: str
    """Its name there, such as ``acc``."""

    value: float
    """In [0, 1]; higher is better."""

    stderr: float | None
    """Standard error; None where the harness gives none."""

    items: tuple[float, ...]
    """Of each item, in [0, 1], in the order of the data."""

    empty_share: float
    """Items to which nothing was said, in [0, 1]; 0 where nothing is generated."""

    data_sha256: str
    """Of the task's version and of every item, prompt and right answer."""

    version: str
    """Of the harness."""


def read_result(folder: Path, task: str) -> Result:
    """Return what was written about a task, below a folder.

    Raises:
        ScoringFailed: nothing was, the name is that of a group, or its main metric is no score.
    """
    told = json.loads(_only(folder, "results_*.json", task).read_text())
    if list(told["configs"]) != [task]:
        raise ScoringFailed(
            f"lm_eval:{task}: wanted one task, found a group of {len(told['configs'])}; name one "
            f"of them, such as lm_eval:{next(iter(told['configs']))}"
        )
    metric, filter_ = _main_metric(told, task)
    with _only(folder, "samples_*.jsonl", task).open() as lines:
        every = [json.loads(line) for line in lines]
    samples = sorted(
        (one for one in every if one["filter"] == filter_), key=lambda one: int(one["doc_id"])
    )
    wanted = told["n-samples"][task]["effective"]
    if len(samples) != wanted:
        raise ScoringFailed(
            f"lm_eval:{task}: wanted the results of {wanted} items, found {len(samples)}; try again"
        )
    measured = told["results"][task]
    return Result(
        metric=metric,
        value=_share(measured[f"{metric},{filter_}"], f"{metric} of lm_eval:{task}"),
        stderr=_error(measured.get(f"{metric}_stderr,{filter_}")),
        items=tuple(
            _share(one[metric], f"{metric} of item {one['doc_id']} of lm_eval:{task}")
            for one in samples
        ),
        empty_share=sum(_is_empty(one) for one in samples) / len(samples),
        data_sha256=_digest(told["versions"][task], told["task_hashes"][task]),
        version=told["lm_eval_version"],
    )


def score_of(request: ScoreRequest, result: Result, *, engine: str, seconds: float) -> Score:
    """Return the score that was asked for; ``engine`` served the model, for so many seconds.

    Raises:
        DataFailed: the items are not those that were scored before.
    """
    if request.data_sha256 not in (None, result.data_sha256):
        raise DataFailed(
            f"{request.data}: wanted the items the base model was scored on, found that they "
            "changed since; restore them, or submit a new job"
        )
    return Score(
        metric=request.metric,
        split=request.split,
        data_sha256=result.data_sha256,
        value=result.value,
        stderr=result.stderr,
        items=result.items,
        empty_share=result.empty_share,
        cut_share=0.0,
        engine=f"{engine}, lm_eval {result.version} {result.metric} by chat template",
        seconds=seconds,
    )


def _only(folder: Path, pattern: str, task: str) -> Path:
    """Return the file of a name; of a group's samples any, which is not read."""
    found = sorted(folder.rglob(pattern))
    if not found:
        raise ScoringFailed(
            f"lm_eval:{task}: wanted a file {pattern} of lm_eval 0.4.13, found none; make its "
            "environment anew with `make lm-eval`"
        )
    return found[0]


def _main_metric(told: dict[str, Any], task: str) -> tuple[str, str]:
    """Return the metric that the task names first, and the first filter it was computed with."""
    named = [str(one["metric"]) for one in told["configs"][task].get("metric_list") or []]
    computed = [key.split(",", 1) for key in told["results"][task] if "," in key]
    for metric, filter_ in computed:
        if named and metric == named[0]:
            if told["higher_is_better"][task].get(metric) is not True:
                raise ScoringFailed(
                    f"lm_eval:{task}: wanted a metric of which more is better, found {metric}; "
                    "use another task"
                )
            return metric, filter_
    raise ScoringFailed(
        f"lm_eval:{task}: wanted a task whose metric_list begins with a metric that is computed, "
        f"found {named[:1]} and {sorted({metric for metric, _ in computed})}; use another task"
    )


def _share(found: object, what: str) -> float:
    if isinstance(found, bool | int | float) and 0.0 <= found <= 1.0:
        return float(found)
    raise ScoringFailed(
        f"{what}: wanted a number in [0, 1], found {str(found)[:80]!r}; use a task whose main "
        "metric is one, such as acc or exact_match"
    )


def _error(found: object) -> float | None:
    """The harness writes "N/A" where it knows no way to compute one."""
    return found if isinstance(found, float) and math.isfinite(found) else None


def _is_empty(sample: dict[str, Any]) -> bool:
    """Whether a text was generated and has nothing in it; options have numbers instead."""
    said = sample["resps"][0][0]
    return isinstance(said, str) and not said.strip()


def _digest(version: object, items: str) -> str:
    return hashlib.sha256(f"{version} {items}".encode()).hexdigest()
