"""A whole job on a table of real runs, researched by the real researcher."""

import math
import threading

from benchmarks.search.fttable.grid import AXES, Point
from benchmarks.search.fttable.table import Table, read_table
from benchmarks.search.whole_job import JOB, Services, job_on, play
from services.planner.state import JobState
from services.researcher.llm.asking.endpoint import Endpoint
from services.researcher.worker import Desk
from shared.answering import Lease
from shared.contracts.base import WorkId, digest
from shared.contracts.brief import Brief
from shared.contracts.counsel import Counsel
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import Proposals, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed
from shared.contracts.work import Request, Result
from shared.errors import RunFailed
from shared.notebook_memory import MemoryNotebook
from shared.settings import LlmSettings, ResearcherSettings
from shared.store import Claim
from shared.store_memory import MemoryStore
from trex.fake_llm.server import FakeLlm

NANO = 2_000_000
"""Weights of the models that the tables are of."""


def desk_for(model: FakeLlm | None) -> Desk:
    """Return a researcher that asks a model over HTTP, or none."""
    settings = ResearcherSettings(model=None if model is None else model.model)
    endpoint = None if model is None else Endpoint(LlmSettings(base_url=model.url), settings)
    return Desk(MemoryNotebook(), settings, endpoint)


class Researched(Services):
    """Services of a table beside a real researcher, whose recipes count as the nearest points."""

    def __init__(self, table: Table, task: str, desk: Desk, *, seed: int) -> None:
        super().__init__(table, task, rules=lambda _: next(iter(table.place)), llm=None, seed=seed)
        self._levels, self._desk = table.levels, desk
        self._pieces = 0

    def answer(self, request: Request) -> Result:
        """Return what the service would answer."""
        if isinstance(request, ProposeRequest | DiagnoseRequest):
            return self._researched(request)
        answer = super().answer(request)
        if isinstance(answer, Brief):
            model = None if self._desk.endpoint is None else self._desk.endpoint.model
            counsel = None if model is None else Counsel(model=model)
            return answer.model_copy(update={"base_parameters": NANO, "counsel": counsel})
        return answer

    def _researched(self, request: ProposeRequest | DiagnoseRequest) -> Result:
        self._pieces += 1
        work = WorkId(f"{request.kind}-{self._pieces}")
        claim = Claim(JOB, work, fence=1, attempt=1, request=request)
        store = MemoryStore(lambda: 0.0)
        lease = Lease(store, claim, heartbeat_s=1, lease_s=1, handed_back=threading.Event())
        try:
            result = self._desk.perform(lease)
        except RunFailed as failure:
            return Failed(error=type(failure).__name__, detail=str(failure))
        if isinstance(result, Proposals):
            for one in result.proposals:
                self.points[digest(one.recipe)] = nearest(one.recipe, self._levels)
        return result


def nearest(recipe: Recipe, levels: Point) -> Point:
    """Return the point of a table's grid that is most like a recipe."""
    sample = next((one.share for one in recipe.data if one.kind == "sample"), 1.0)
    method = recipe.method
    numbers = {
        "learning_rate": method.learning_rate,
        "epochs": method.num_train_epochs,
        "share": sample,
        "batch_size": method.per_device_train_batch_size * method.gradient_accumulation_steps,
    }
    choices = {
        "adapter": int(recipe.adapter.kind == "full"),
        "deduplicate": int(any(one.kind == "deduplicate" for one in recipe.data)),
    }
    point = []
    for (name, values), count in zip(AXES.items(), levels, strict=True):
        if name in choices:
            point.append(min(choices[name], count - 1))
        else:
            apart = [abs(math.log(value / numbers[name])) for value in values[:count]]
            point.append(apart.index(min(apart)))
    return tuple(point)


def worth_after_each(task: str, desk: Desk, *, seed: int, experiments: int) -> list[float]:
    """Return what a job would hand back once each of its experiments is over.

    That is the true score of its best recipe, as a share of the best of the table.
    """
    table = read_table(task)
    services = Researched(table, task, desk, seed=seed)
    spec = job_on(task, experiments=experiments, rules_share=None)
    worth: list[float] = []
    for state in play(spec.model_copy(update={"seed": seed}), services):
        if _over(state) > len(worth):
            best = state.best()
            truth = 0.0 if best is None else table.truth(services.points[digest(best.recipe)])
            worth.append(truth / table.best)
    return worth


def _over(state: JobState) -> int:
    return sum(bool(e.score or e.failure) for e in state.experiments.values() if e.runs)
