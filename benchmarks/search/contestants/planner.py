"""The planner's own search as a contestant: `services.planner.search` in any of its modes."""

from dataclasses import dataclass
from random import Random

from benchmarks.search.world import (
    Configuration,
    Deliverable,
    Delivered,
    Measured,
    Researcher,
    Trial,
    World,
)
from services.planner.finish import Check, Ending, Spending, believed, delivered, next_step
from services.planner.search import Choice, ExperimentSearch, SearchRules
from services.planner.tree import Observation
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Backup, SearchMode


@dataclass(frozen=True, slots=True)
class Settings:
    """How the planner plays."""

    mode: SearchMode = SearchMode.POSTERIOR
    exploration: float | None = None
    backup: Backup = "max"
    short_runs: int = 0
    """Rungs below a full run that are used."""
    check: bool = True
    """Whether finalists are checked on the selection split."""
    by_score: bool = False
    """Whether the highest score is handed back, as the peers' systems do, and not the belief."""
    noise: bool = True
    """Whether it takes scores as noisy."""
    deliver: Deliverable = "recipe"


class Planner:
    """A search and its ending, driven run by run."""

    def __init__(self, world: World, rng: Random, budget: float, settings: Settings) -> None:
        self._world, self._budget, self._settings = world, budget, settings
        self._researcher = Researcher(world, rng)
        self._first = len(world.rungs) - 1 - settings.short_runs
        rungs = tuple(world.rungs[self._first :])
        self._search = ExperimentSearch(
            SearchRules(
                mode=settings.mode,
                exploration=settings.exploration,
                backup=settings.backup,
                rungs=rungs,
                budget=budget,
                seed_deviation=None if settings.noise else 0.0,
            )
        )
        self._ending = Ending(settings.deliver, can_check=settings.check, smallest_gain=0)
        self._tried: dict[int, Configuration] = {}
        self._seeds: dict[int, int] = {}

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Return the run that the planner would order."""
        while True:
            step = next_step(self._search, Spending(self._budget, spent, in_flight), self._ending)
            if isinstance(step, Check):
                return self._check(step)
            if not isinstance(step, Choice):
                return None
            if step.terms.kind == "promote":
                return self._promote(ExperimentId(step.terms.node))
            trial = self._grow(ExperimentId(step.terms.node))
            if trial is not None:
                return trial

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Take in a result."""
        node = ExperimentId(trial.node)
        if measured is None:
            self._search.fail(node, "broken")
            return
        variance = measured.variance if self._settings.noise else 0.0
        split = 0 if trial.split == "search" else 1
        rung = trial.rung - self._first
        self._search.tell(node, Observation(rung, measured.value, variance, trial.seed, split))

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return what the planner would hand back."""
        tree = self._search.tree
        if self._settings.by_score:
            full = [n for n in range(1, len(tree)) if tree.is_full(n)]
            node = max(full, key=lambda n: (tree.value[n], -n), default=None)
            reported = tree.value[node] if node is not None else 0.0
        else:
            node = delivered(self._search, what)
            reported = 0.0 if node is None else believed(self._search, ExperimentId(node), what)
        if node is None:
            return None
        return Delivered(self._tried[node], self._first + tree.rung[node], 0, reported)

    def _grow(self, parent: ExperimentId) -> Trial | None:
        """Return a run of something new below a node; None when nothing new comes to mind."""
        node = self._search.expand(parent)
        proposed = (
            self._researcher.draft()
            if parent == ROOT
            else self._researcher.improve(self._tried[parent])
        )
        if proposed is None:
            self._search.drop(node)
            return None
        self._tried[node] = proposed
        self._search.expect_costs({node: self._world.cost(proposed)})
        return Trial(proposed, self._first + self._search.first_rung(), node=node)

    def _promote(self, node: ExperimentId) -> Trial:
        self._search.begin(node)
        rung = self._first + self._search.tree.rung[node] + 1
        return Trial(self._tried[node], rung, node=node)

    def _check(self, check: Check) -> Trial:
        node = check.node
        self._search.begin(node)
        if check.anew:
            self._seeds[node] = self._seeds.get(node, 0) + 1
        seed = self._seeds.get(node, 0)
        full = len(self._world.rungs) - 1
        return Trial(self._tried[node], full, seed, "selection", node)
