"""Whole jobs on the store in memory, with the other services played by a function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from services.planner.loop import PlanningLoop
from services.planner.state import JobState, fold
from services.planner.views import job_view
from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.job import Budget, Fidelity, JobSpec, Search, SearchMode
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import Score, ScoreRequest, positions
from shared.contracts.views import JobView
from shared.contracts.work import Request, Result
from shared.store_memory import MemoryStore
from tests.support.examples import (
    BRIEF,
    CONFIRM,
    JOB,
    LESSON,
    SPEC,
    TRAINED,
    proposals,
    score,
    worker,
)

Answer = Callable[[Request], Result]

ONE = ExperimentId(1)

EVERY_SEARCH = (
    *(Search(mode=mode, smallest_gain=0) for mode in SearchMode),
    Search(fidelity=Fidelity.STEPS, smallest_gain=0),
)
"""Every mode, and the one with short runs; none ends before its budget does."""


def good_news(request: Request) -> Result:
    """Every experiment trains; each scores a little better than the one before."""
    match request:
        case ProposeRequest():
            return proposals(*(1e-3 * number for number in request.experiments))
        case RunRequest():
            return trained(request)
        case ScoreRequest():
            return scored(request, 0.1 + 0.1 * request.experiment)
        case DiscardRequest():
            return Discarded(bytes=1000 * len(request.folders))
        case _:
            return BRIEF if request.kind == "brief" else LESSON


def worse_and_worse(request: Request) -> Result:
    """As `good_news`, but each scores a little worse than the one before."""
    if isinstance(request, ScoreRequest):
        return scored(request, 0.8 - 0.1 * request.experiment)
    return good_news(request)


def trained(request: RunRequest) -> Trained:
    """A run of 10 s, or of a part of them; one that stops early says where it can go on."""
    share = min(request.step_share, request.data_share)
    folder = f"{JOB}/run-{request.experiment}-{request.recipe.seed}-{share:.2f}/attempt-1"
    changed: dict[str, object] = {
        "checkpoint": f"{folder}/checkpoint",
        "gpu_seconds": min(10.0 * share, request.limit_s),
    }
    if request.step_share < 1.0:
        changed |= {"stopped": "rung", "resume": f"{folder}/resume"}
    return TRAINED.model_copy(update=changed)


def scored(request: ScoreRequest, value: float, *, rows: int = 10) -> Score:
    """A score of as many items as were asked for, its likelihood a tenth above its value."""
    value = min(1.0, max(0.0, value))
    kept = len(positions(rows, request.item_share))
    found = score(value, split=request.split, n=kept)
    likelihood = min(1.0, value + 0.1) if request.likelihood else None
    changed: dict[str, object] = {"item_share": request.item_share, "likelihood": likelihood}
    if request.experiment == ROOT:  # which nobody trained
        changed["certificate"] = None
    return found.model_copy(update=changed)


@dataclass
class Bench:
    """A planner, a store, and a test that plays the services."""

    spec: JobSpec = SPEC
    answer: Answer = good_news
    now: float = 1_000_000.0
    executors: int = 0
    """How many say that they are alive."""
    rung: list[WorkId] = field(default_factory=list)
    asked: dict[WorkId, Request] = field(default_factory=dict)
    """Whatever was rung for, as a worker is asked for it."""

    def __post_init__(self) -> None:
        self.store = MemoryStore(lambda: self.now)
        self.store.create(JOB, self.spec, idempotency_key=None)
        self.loop = self.planner("planner 1")
        for number in range(self.executors):
            self.store.present(worker("executor", str(number)), for_s=1e9)

    def planner(self, name: str) -> PlanningLoop:
        def ring(job_id: JobId, work_id: WorkId, request: Request) -> None:
            self.rung.append(work_id)
            self.asked[work_id] = request

        return PlanningLoop(self.store, ring, name)

    def plan(self) -> JobState:
        self.loop.step(JOB)
        return self.state

    @property
    def state(self) -> JobState:
        return fold(self.store.read(JOB))

    @property
    def view(self) -> JobView:
        """What a user is shown."""
        alive = self.store.workers("executor")
        return job_view(self.state, self.store.progress(JOB), now=self.now, executors=alive)

    def answer_next(self, place: int = 0) -> WorkId:
        work_id = self.rung.pop(place)
        claim = self.store.claim(JOB, work_id, lease_s=60)
        if claim is not None:
            self.store.finish(claim, self.answer(claim.request))
        return work_id

    def run_to_the_end(self, rng: Random | None = None, *, most: int = 1000) -> JobState:
        """Answer until nothing is asked for any more: in order, or in that of a die."""
        self.loop.step(JOB)
        for _ in range(most):
            if not self.rung:
                return self.state
            self.answer_next(0 if rng is None else rng.randrange(len(self.rung)))
            self.loop.step(JOB)
        raise AssertionError(f"still going after {most} answers: {self.rung}")

    def run_until(self, reached: Callable[[JobState], bool]) -> JobState:
        """Answer in order until the job has come so far."""
        state = self.plan()
        while not reached(state):
            self.answer_next()
            state = self.plan()
        return state


def with_budget(**budget: float) -> JobSpec:
    return SPEC.model_copy(update={"budget": Budget.model_validate(budget)})


def with_search(
    search: Search,
    *,
    confirm: bool = False,
    experiments: int = 4,
    gpu_seconds: float | None = None,
) -> JobSpec:
    """A job with that search and budget, and with rows kept for finalists or without."""
    search = search.model_copy(update={"replicates": search.replicates or 0})
    data = SPEC.data.model_copy(update={"confirm": CONFIRM if confirm else None})
    budget = Budget(experiments=experiments, gpu_seconds=gpu_seconds)
    return SPEC.model_copy(update={"search": search, "data": data, "budget": budget})


def short_first(fidelity: Fidelity = Fidelity.STEPS, *, experiments: int = 6) -> JobSpec:
    """A job whose experiments are trained for a ninth of a run first."""
    return with_search(Search(fidelity=fidelity, smallest_gain=0), experiments=experiments)


def has_score(state: JobState, number: ExperimentId) -> bool:
    experiment = state.experiments.get(number)
    return experiment is not None and experiment.score is not None


def run_of(state: JobState, work: str) -> RunRequest:
    request = state.ordered[WorkId(work)]
    assert isinstance(request, RunRequest)
    return request


def score_of(state: JobState, work: str) -> ScoreRequest:
    request = state.ordered[WorkId(work)]
    assert isinstance(request, ScoreRequest)
    return request
