"""A whole job on the table of real runs: the planner folds and decides, the table answers it.

One run at a time. Every experiment is trained in full and scored on the items that are searched by;
the base model, which is in no table, answers nothing right.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import assert_never

from benchmarks.search.fttable.grid import Point, recipe
from benchmarks.search.fttable.table import HERE, Table
from services.planner.decide import CancelWork, End, decide
from services.planner.orders import Order
from services.planner.state import JobState, fold
from shared.contracts.base import ROOT, JobId, WorkId, digest
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.counsel import Counsel, Proposer
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.events import Event, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.job import Baselines, Budget, JobData, JobSpec, MetricName, Search
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.mapping import Templates
from shared.contracts.plan import PlanRequest
from shared.contracts.proposal import Proposal, Proposals, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, RunRequest, Tokenised, Trained
from shared.contracts.score import Certificate, Score, ScoreRequest
from shared.contracts.work import Request, Result
from shared.rows import sha256_of
from shared.store import Entry

JOB = JobId("j-table")

Propose = Callable[[Point | None], Point]
"""Returns a recipe to try below a point; None stands for the base model."""

_TRIES = 20  # proposals drawn before one that is new is given up
_MAPPING = Templates(prompt="{text}", completion="{answer}")


def job_on(task: str, *, experiments: int, rules_share: float | None) -> JobSpec:
    """Return a job that spends a budget on a table and looks at nothing else."""
    return JobSpec(
        goal=task,
        base_model="base",
        data=JobData(train=str(HERE / f"{task}.npz"), dev=f"sealed:{'d' * 64}", mapping=_MAPPING),
        metric=MetricName.EXACT_MATCH,
        baselines=Baselines(shots=0),
        guards=(),
        budget=Budget(experiments=experiments),
        search=Search(smallest_gain=0, replicates=0, rules_share=rules_share),
    )


class Services:
    """Everyone whom a planner asks, on one table.

    A researcher that refuses repetitions, as the real one does: what a language model repeats is
    dropped and counted, and rules fill its place.
    """

    def __init__(
        self, table: Table, task: str, *, rules: Propose, llm: Propose | None, seed: int
    ) -> None:
        self._table, self._task, self._seed = table, task, seed
        self._propose: dict[Proposer, Propose | None] = {"rules": rules, "llm": llm}
        self.points: dict[str, Point] = {}
        """What was proposed, by the digest of its recipe."""

    def answer(self, request: Request) -> Result:
        """Return what the service would answer."""
        match request:
            case BriefRequest():
                return self._brief()
            case ProposeRequest():
                return self._proposals(request)
            case RunRequest():
                return self._run(request)
            case ScoreRequest():
                return self._score(request)
            case DiagnoseRequest():
                return _LESSON
            case DiscardRequest():
                return Discarded(bytes=0)
            case PlanRequest():
                raise TypeError("a job on a table leaves nothing open")
            case _:
                assert_never(request)

    def _brief(self) -> Brief:
        return Brief(
            summary=self._task,
            train_sha256=sha256_of(HERE / f"{self._task}.npz"),
            rows=1000,
            duplicate_share=0.0,
            prompt_chars_p95=30,
            completion_chars_p95=10,
            base_parameters=None,
            labels=0,
            counsel=self._counsel(()),
        )

    def _counsel(self, dropped: tuple[str, ...]) -> Counsel | None:
        return None if self._propose["llm"] is None else Counsel(model="played", dropped=dropped)

    def _proposals(self, request: ProposeRequest) -> Proposals | Failed:
        below = {finding.experiment: finding.recipe for finding in request.findings}
        parent = None if request.parent == ROOT else self.points[digest(below[request.parent])]
        proposals, dropped = list[Proposal](), list[str]()
        for place, _ in enumerate(request.experiments):
            who: Proposer = request.proposers[place] if request.proposers else "rules"
            found = self._new(who, parent)
            if found is None and who == "llm":
                dropped.append("it repeats an experiment")
                who, found = "rules", self._new("rules", parent)
            if found is not None:
                proposals.append(self._proposal(who, found))
        if not proposals:
            return Failed(error="NothingNew", detail="every recipe was tried")
        return Proposals(proposals=tuple(proposals), counsel=self._counsel(tuple(dropped)))

    def _new(self, who: Proposer, parent: Point | None) -> Point | None:
        propose, tried = self._propose[who], set(self.points.values())
        assert propose is not None
        drawn = (propose(parent) for _ in range(_TRIES if who == "rules" else 3))
        return next((point for point in drawn if point not in tried), None)

    def _proposal(self, who: Proposer, point: Point) -> Proposal:
        made = _recipe(self._task, point)
        self.points[digest(made)] = point
        changed = tuple(map(str, point))
        return Proposal(recipe=made, changed=changed, expects="as foreseen", proposer=who)

    def _run(self, request: RunRequest) -> Trained | Failed:
        point = self.points[digest(request.recipe)]
        seconds = self._table.cost_s(point, -1)
        if self._table.failed(point, self._of(point)):
            return Failed(error="Diverged", detail="the loss is no number", gpu_seconds=seconds)
        return Trained(
            checkpoint=digest(request.recipe),
            train_loss=1.0,
            train_curve=(),
            held_out_curve=(),
            rows=(),
            tokenised=Tokenised(
                samples=1000, too_long=0, cut=0, trained_share=0.5, chat_template="0" * 64
            ),
            micro_batch=8,
            steps=100,
            tokens=1000,
            stopped="done",
            gpu_seconds=seconds,
        )

    def _score(self, request: ScoreRequest) -> Score:
        if request.experiment == ROOT:
            return _scored([0.0] * self._table.manifest["items"]["search"], certificate=None)
        point = self.points[request.checkpoint]
        items = self._table.answers(point, self._of(point))
        return _scored(items.astype(float).tolist(), certificate=_CERTIFICATE)

    def _of(self, point: Point) -> int:
        """Return which of a point's runs this job is shown."""
        return Random(f"{self._seed} {point}").randrange(self._table.seeds)


_CERTIFICATE = Certificate(template_sha256="0" * 64, prompts=1, logprob_gap=0.0, answers_equal=1.0)
_LESSON = Lesson(verdict="same", fit="unknown", effect=None, effect_stderr=None, sentence="done")


def _scored(items: list[float], *, certificate: Certificate | None) -> Score:
    return Score(
        metric=MetricName.EXACT_MATCH,
        split="dev",
        data_sha256="0" * 64,
        value=fmean(items),
        stderr=stdev(items) / math.sqrt(len(items)),
        items=tuple(items),
        empty_share=0.0,
        cut_share=0.0,
        certificate=certificate,
        engine="table",
        seconds=1.0,
    )


@cache
def _recipe(task: str, point: Point) -> Recipe:
    # Any file will do to be trained on: nothing is.
    train = HERE / f"{task}.npz"
    return recipe(point, seed=0, base=Path("base"), train=train, column="answer", max_length=64)


def play(spec: JobSpec, services: Services) -> Iterator[JobState]:
    """Carry a job out and yield its state, always the same one, after every answer."""
    entries, asked = list[Entry](), list[WorkId]()

    def write(event: Event) -> Entry:
        entries.append(Entry(str(len(entries)), 0.0, event))
        return entries[-1]

    state = fold([write(JobSubmitted(job_id=JOB, spec=spec))])
    while state.ended is None:
        acts = decide(state, now=0.0, executors=1)
        for act in acts:
            match act:
                case Order(work_id=work_id, request=request, why=why, choice=choice):
                    order = WorkOrdered(work_id=work_id, request=request, why=why, choice=choice)
                    state.apply(write(order))
                    asked.append(work_id)
                case End(event=event):
                    state.apply(write(event))
                case CancelWork():
                    raise AssertionError("nothing of such a job is ever cancelled")
        if acts or state.ended is not None:
            continue
        work_id = asked.pop(0)
        answer = services.answer(state.ordered[work_id])
        state.apply(write(WorkEnded(work_id=work_id, attempt=1, result=answer)))
        yield state
