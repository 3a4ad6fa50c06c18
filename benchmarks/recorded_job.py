"""Whole jobs by the real planner and a real researcher, whose runs are looked up in a table.

A run's recipe counts as the nearest one of the table (`benchmarks.search.fttable`): learning rate,
epochs, share of the rows and kind of adapter. Its score is that of a real run, item by item.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.search.fttable.grid import AXES, Point
from benchmarks.search.fttable.table import Table, read_table
from benchmarks.search.fttable.tasks import TASKS
from services.planner.loop import PlanningLoop
from services.planner.state import JobState, fold
from shared.contracts.base import ROOT, JobId, WorkId
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.job import Baselines, Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.mapping import Templates
from shared.contracts.proposal import ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, RunRequest, Tokenised, Trained
from shared.contracts.score import Certificate, Score, ScoreRequest, positions
from shared.contracts.work import Request, Result
from shared.errors import RunFailed
from shared.store_memory import MemoryStore

JOB = JobId("j-recorded")
CERTIFICATE = Certificate(
    template_sha256="2" * 64, prompts=32, logprob_gap=0.0, answers_equal=1.0
)
SPLITS = {"dev": "search", "confirm": "selection", "test": "test"}

Respond = Callable[[WorkId, Request], Result]
"""Answers the researcher's share of a job."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a job."""

    state: JobState
    truths: tuple[float, ...]
    """True score of each experiment's recipe, in their order: the mean over seeds on test."""
    delivered: float
    """True score of the recipe handed back; 0 where none was."""

    def needed(self, target: float) -> int | None:
        """Return the number of the first experiment that is truly as good; None if none is."""
        return next((n for n, truth in enumerate(self.truths, start=1) if truth >= target), None)


def job_spec(task: str, *, experiments: int, seed: int, search: Search | None = None) -> JobSpec:
    """Return the job that a table can answer."""
    known = TASKS[task]
    return JobSpec(
        goal=f"Answer as the rows of {task} do",
        base_model="base",
        data=JobData(
            train="train.jsonl",
            dev="dev.jsonl",
            confirm="confirm.jsonl",
            test="test.jsonl",
            mapping=Templates(prompt="{text}", completion=f"{{{known.column}}}"),
        ),
        metric=MetricName.EXACT_MATCH,
        baselines=Baselines(shots=0),
        guards=(),
        budget=Budget(experiments=experiments),
        limits=Limits(max_length=known.max_length),
        search=search or Search(smallest_gain=0, replicates=0),
        seed=seed,
    )


def play(task: str, spec: JobSpec, respond: Respond, *, executors: int = 1) -> Played:
    """Return what becomes of a job whose proposals and lessons come from ``respond``."""
    table = read_table(task)
    store = MemoryStore(lambda: 1_000_000.0)
    store.create(JOB, spec, idempotency_key=None)
    for number in range(executors):
        store.present("executor", str(number), for_s=1e9)
    waiting: list[WorkId] = []
    loop = PlanningLoop(store, lambda job, work, request: waiting.append(work), "planner")
    loop.step(JOB)
    while waiting:
        work = waiting.pop(0)
        claim = store.claim(JOB, work, lease_s=60)
        if claim is not None:
            try:
                result = _answer(table, task, work, claim.request, respond)
            except RunFailed as failure:
                result = Failed(error=type(failure).__name__, detail=str(failure))
            store.finish(claim, result)
        loop.step(JOB)
    state = fold(store.read(JOB))
    asked = [e for e in state.experiments.values() if e.id != ROOT and e.runs]
    best = state.best()
    return Played(
        state=state,
        truths=tuple(table.truth(nearest(table, e.recipe)) for e in asked),
        delivered=0.0 if best is None else table.truth(nearest(table, best.recipe)),
    )


def _answer(table: Table, task: str, work: WorkId, request: Request, respond: Respond) -> Result:
    match request:
        case BriefRequest():
            return _brief(task)
        case ProposeRequest() | DiagnoseRequest():
            return respond(work, request)
        case RunRequest():
            return _trained(table, request)
        case ScoreRequest():
            return _scored(table, request)
        case DiscardRequest():
            return Discarded(bytes=0)
        case other:
            raise TypeError(f"a table does not answer {other.kind!r}")


def _brief(task: str) -> Brief:
    return Brief(
        summary=f"{TASKS[task].train_rows} training rows.",
        train_sha256="0" * 64,
        rows=TASKS[task].train_rows,
        duplicate_share=0.0,
        prompt_chars_p95=30,
        completion_chars_p95=12,
        base_parameters=2_000_000,
        labels=0,
    )


def nearest(table: Table, recipe: Recipe) -> Point:
    """Return the point of the table that is most like a recipe."""
    sample = next((one.share for one in recipe.data if one.kind == "sample"), 1.0)
    wanted = {
        "learning_rate": recipe.method.learning_rate,
        "epochs": recipe.method.num_train_epochs,
        "share": sample,
        "batch_size": recipe.method.per_device_train_batch_size
        * recipe.method.gradient_accumulation_steps,
    }
    point = []
    for (name, values), levels in zip(AXES.items(), table.levels, strict=True):
        if name == "adapter":
            point.append(int(recipe.adapter.kind == "full"))
        elif name == "deduplicate":
            has = any(one.kind == "deduplicate" for one in recipe.data)
            point.append(min(int(has), levels - 1))
        else:
            apart = [abs(math.log(value / wanted[name])) for value in values[:levels]]
            point.append(apart.index(min(apart)))
    return tuple(point)


def _trained(table: Table, request: RunRequest) -> Result:
    point, seed = nearest(table, request.recipe), request.recipe.seed % table.seeds
    if table.failed(point, seed):
        return Failed(error="Diverged", detail="wanted a finite loss, found nan", gpu_seconds=5.0)
    share = min(request.step_share, request.data_share)
    rung = min(range(3), key=lambda r: abs(table.manifest["rungs"][r] - share))
    # What was run stands in the name of the folder, from which it is scored.
    folder = f"{JOB}/{request.experiment}.{request.recipe.seed}/{table.place[point]}-{seed}-{rung}"
    return Trained(
        checkpoint=f"{folder}/checkpoint",
        resume=f"{folder}/resume" if request.step_share < 1.0 else None,
        train_loss=float(table.columns["train_loss"][table.place[point], seed, rung]),
        train_curve=(),
        held_out_curve=(),
        rows=(),
        tokenised=Tokenised(
            samples=100, too_long=0, cut=0, trained_share=0.5, chat_template="2" * 64
        ),
        micro_batch=8,
        steps=int(table.columns["steps"][table.place[point], seed, rung]),
        tokens=1000,
        stopped="rung" if request.step_share < 1.0 else "done",
        gpu_seconds=table.cost_s(point, rung),
    )


def _scored(table: Table, request: ScoreRequest) -> Score:
    """Return the score of the run in the checkpoint's name; the base model gets nothing right."""
    name = SPLITS[request.split]
    count = table.manifest["items"][name]
    if request.experiment == ROOT:
        bits = np.zeros(count)
    else:
        place, seed, rung = Path(request.checkpoint).parent.name.split("-")
        run = table.columns[name][int(place), int(seed)]
        bits = np.unpackbits(run[int(rung)] if name == "search" else run)[:count].astype(float)
    bits = bits[list(positions(count, request.item_share))]
    value = float(bits.mean())
    withheld = len(bits) if request.split == "confirm" else 0
    return Score(
        metric=request.metric,
        split=request.split,
        data_sha256=f"{len(name):064d}",
        value=value,
        stderr=math.sqrt((value * (1 - value) + 1e-4) / len(bits)),
        items=() if withheld else tuple(bits.tolist()),
        withheld=withheld,
        item_share=request.item_share,
        likelihood=value if request.likelihood else None,
        certificate=None if request.experiment == ROOT else CERTIFICATE,
        empty_share=0.0,
        cut_share=0.0,
        engine="recorded",
        seconds=0.0,
    )
