"""The search: told what was measured, it says what to do next and why.

One tree, one posterior, six rules. `ask` changes nothing, so it may be called at any time and any
number of times; what it answers follows from what was told, in whatever order, so a search can be
replayed from its ledger. Pure.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from services.planner import policies
from services.planner.fidelity import due
from services.planner.improvement import (
    Stakes,
    Terms,
    all_indexes,
    best_terms,
    draft_terms,
    expand_terms,
    node_index,
    promote_terms,
)
from services.planner.messages import layout_of
from services.planner.noise import Noise, measure_noise
from services.planner.posterior import Posterior
from services.planner.prior import Prior, learn_prior
from services.planner.ranking import Ranking
from services.planner.tree import ExperimentTree, Failure, Observation
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Backup, SearchMode

ALWAYS_REFRESHED = 400
"""Experiments up to which every result renews every belief; later every fortieth part does."""

_MOVED = 0.05  # of the scale: a bar that moved further changes every index

DEFAULT_EXPLORATION = {SearchMode.UCT: 0.25, SearchMode.RANK_PUCT: 2.0}
"""Weights of the bonus for being rarely tried, in units of the observed spread of rewards."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How a search chooses."""

    mode: SearchMode = SearchMode.POSTERIOR
    exploration: float | None = None
    """Of `uct` and `rank_puct`; None for `DEFAULT_EXPLORATION`."""
    backup: Backup = "max"
    """Of `uct`."""
    width: int = 2
    """Of `uct`: children after the first visit."""
    rungs: tuple[float, ...] = (1.0,)
    """Shares of a full run, rising, the last 1."""
    budget: float = 20.0
    """Full runs that may be paid for."""
    seed_deviation: float | None = None
    """First guess of what seeds do to a score; None for the standard error of a score."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An act with the next best one it was preferred to."""

    terms: Terms
    runner_up: Terms | None
    bar: float
    """Expected score of the best experiment so far."""
    why: str


class ExperimentSearch:
    """A tree, what is believed about it, and the rule that grows it."""

    def __init__(self, rules: SearchRules) -> None:
        self.rules = rules
        self.tree = ExperimentTree(rungs=len(rules.rungs))
        self.posterior = Posterior()
        self._ranking = Ranking()
        self._pairs, self._correlations = 0, 0.0
        self._tells, self._refresh_at = 0, 0
        self._trained = 0.0
        """For all results so far, in full runs."""
        self._bars, self._since = array("d"), array("d")
        """Each bar there was, and what had been trained when it came."""
        self._due: dict[int, int] = {}
        """Nodes with the rung they are to go on from, as of the last refresh, less those begun."""
        self.noise: Noise
        self.prior: Prior
        self._stakes: Stakes
        self.refresh()

    def ask(self) -> Choice | None:
        """Return what to do next; None when every place to grow waits for a result."""
        rules = self.rules
        match rules.mode:
            case SearchMode.POSTERIOR:
                return self._best_act()
            case SearchMode.RANK_PUCT:
                node = policies.rank_puct(self.tree, exploration=self._exploration)
            case SearchMode.UCT:
                node = policies.uct(
                    self.tree,
                    exploration=self._exploration,
                    backup=rules.backup,
                    width=rules.width,
                )
            case SearchMode.GREEDY:
                node = policies.greedy(self.tree)
            case SearchMode.SEQUENTIAL:
                node = policies.sequential(self.tree)
            case SearchMode.RANDOM:
                node = policies.random(self.tree)
            case _:
                assert_never(rules.mode)
        return None if node is None else self._chosen(self._grow_terms(node), None, rules.mode)

    def expand(self, parent: ExperimentId) -> ExperimentId:
        """Add an experiment under way below a node and return its number."""
        node = self.tree.expand(parent)
        if parent == ROOT:
            self.posterior.append(self.prior.draft, self.prior.spread)
        else:
            mean, variance = self.posterior.mean[parent], self.posterior.variance[parent]
            self.posterior.append(mean + self.prior.step, variance + self.prior.change)
        self._ranking.append()
        self._rank([parent])
        return node

    def begin(self, node: ExperimentId) -> None:
        """Note that a measured experiment is trained longer, or again with another seed."""
        self.tree.begin(node)
        self._due.pop(node, None)
        self._rank([node])

    def settle(self, node: ExperimentId) -> None:
        """Note that a short run cannot be trained longer any more."""
        self.tree.settled[node] = 1
        self._due.pop(node, None)
        self._rank([node])

    def tell(self, node: ExperimentId, observation: Observation) -> None:
        """Take in a measurement. What is told twice counts once.

        Raises:
            ValueError: the value or its variance is not finite, or the rung does not exist.
        """
        if not (math.isfinite(observation.value) and math.isfinite(observation.variance)):
            raise ValueError(f"experiment {node}: wanted a finite score, got {observation}")
        if not 0 <= observation.rung < len(self.rules.rungs):
            raise ValueError(f"experiment {node}: no rung {observation.rung} in {self.rules.rungs}")
        before = self.tree.rung[node]
        if self.tree.tell(node, observation):
            self._learn(node)
            self._trained += self._cost(node, observation, before)
            if not self._bars or self._bars[-1] != self.bar:
                self._bars.append(self.bar)
                self._since.append(self._trained)

    def fail(self, node: ExperimentId, how: Failure) -> None:
        """Note that a run earned nothing."""
        measured = self.posterior.is_measured(node)
        self.tree.fail(node, how)
        if measured:
            self.refresh()  # it may have lost its place among the measured
        self._rank(self.tree.lineage(node))

    def lose(self, node: ExperimentId) -> None:
        """Take a run back whose machine went away; it counts nowhere."""
        self.tree.lose(node)
        if self.posterior.is_measured(node):
            self.refresh()  # it may have to go on again
        self._rank([node, self.tree.parent[node]])

    def drop(self, node: ExperimentId) -> None:
        """Take back an experiment for which nothing new could be proposed."""
        self.tree.drop(node)
        self._rank([self.tree.parent[node]])

    def alias(self, node: ExperimentId, of: ExperimentId) -> None:
        """Note that an experiment asked for is the same as an older one."""
        self.tree.alias(node, of)
        self.refresh()

    def trust(self, node: ExperimentId, promise: float) -> None:
        """Say how promising the proposer finds a node, 1 for as any other; taken within 0.5-2."""
        self.tree.prior[node] = min(2.0, max(0.5, promise))
        self._rank([node])

    def expect_costs(self, costs: Mapping[ExperimentId, float]) -> None:
        """Say what a full run of each node's children should cost, in mean full runs."""
        for node, full_runs in costs.items():
            self.tree.cost[node] = full_runs
        self._rank_all()

    def compare(self, correlation: float) -> None:
        """Take in how alike two experiments' results on the same items are, in [-1, 1]."""
        self._pairs += 1
        self._correlations += correlation

    def go_on(self, node: ExperimentId, why: str) -> Choice:
        """Return the act of training a short run longer, whatever it promises."""
        terms = promote_terms(self.tree, self.posterior, self._stakes, node)
        return self._chosen(terms, None, why)

    def cost_of(self, terms: Terms) -> float:
        """Return what an act costs, in mean full runs; a longer run goes on from the shorter one.

        On more data instead of more steps it begins anew and costs up to half as much again.
        """
        if terms.kind != "promote":
            return terms.cost
        rung, rungs = self.tree.rung[terms.node], self.rules.rungs
        return terms.cost * (rungs[rung + 1] - rungs[rung])

    def cost_to_full(self, node: ExperimentId) -> float:
        """Return what is left to train of a short run after that under way, in mean full runs."""
        reached = min(self.tree.rung[node] + self.tree.running[node], self.tree.rungs - 1)
        return self.tree.cost[node] * (1.0 - self.rules.rungs[reached])

    @property
    def bar(self) -> float:
        """Expected score of the best experiment so far, in the metric's unit."""
        return self._stakes.bar

    def drafts_wanted(self) -> int:
        """Return how many fresh starts come first: ``1.2 * sqrt(budget / sqrt(cheapest))``, 3-8."""
        cheapest = math.sqrt(self._stakes.cheapest)
        return max(3, min(8, round(1.2 * math.sqrt(self.rules.budget / cheapest))))

    def plateau(self, rise: float) -> bool:
        """Whether the bar rose by less than that over half of the training, 15 full runs at least.

        Half, because records come at a rate of one in ``n``: ten runs without one mean nothing.
        """
        span = max(15.0, self._trained / 2)
        if self._trained <= span:
            return False
        before = max(0, bisect_right(self._since, self._trained - span) - 1)
        return self._bars[-1] - self._bars[before] < rise

    def _best_act(self) -> Choice | None:
        tree, stakes = self.tree, self._stakes
        due = self._first_due()
        if due is not None:
            return self.go_on(due, "so that short runs can be compared with longer ones")
        draft = draft_terms(tree, self.prior, stakes)
        if tree.may_grow(ROOT) and not policies.has_drafts(tree, self.drafts_wanted()):
            return self._chosen(draft, None, "among the first fresh starts")
        acts = [
            best_terms(tree, self.posterior, self.prior, stakes, node)
            for node in self._ranking.top(2)
        ]
        acts = [terms for terms in (*acts, draft) if terms.index >= 0]
        if not acts:
            return None
        best, *others = sorted(acts, key=lambda terms: -terms.index)
        return self._chosen(best, others[0] if others else None, "")

    def _first_due(self) -> ExperimentId | None:
        """Return a node that goes on whatever it promises, if any is due; see `fidelity.due`."""
        tree = self.tree
        waiting = (
            ExperimentId(node)
            for node, rung in self._due.items()
            if tree.rung[node] == rung and not tree.running[node]
        )
        return next(waiting, None)

    def _grow_terms(self, node: int) -> Terms:
        if node == ROOT:
            return draft_terms(self.tree, self.prior, self._stakes)
        return expand_terms(self.tree, self.posterior, self.prior, self._stakes, node)

    def _chosen(self, terms: Terms, runner_up: Terms | None, why: str) -> Choice:
        return Choice(terms, runner_up, self.bar, why)

    @property
    def _exploration(self) -> float:
        given = self.rules.exploration
        return DEFAULT_EXPLORATION[self.rules.mode] if given is None else given

    def _cost(self, node: int, observation: Observation, before: int) -> float:
        """Return what was trained for a measurement, in full runs."""
        if node == ROOT or observation.split:
            return 0.0  # the base model, or another look at a run
        shares = self.rules.rungs
        longer = 0 <= before < observation.rung
        return shares[observation.rung] - (shares[before] if longer else 0.0)

    def _learn(self, node: int) -> None:
        self._tells += 1
        if self._tells >= self._refresh_at:
            self.refresh()
            return
        if node == ROOT:
            return  # what the base model scores says nothing of recipes
        moved = self.posterior.update(self.tree, self.prior, node)
        higher = self.bar + _MOVED * self.prior.scale
        if any(self.posterior.mean[n] > higher and self.tree.is_full(n) for n in moved):
            self.refresh()
        else:
            self._rank(moved)

    def _rank(self, nodes: Iterable[int]) -> None:
        tree, belief, prior, stakes = self.tree, self.posterior, self.prior, self._stakes
        for node in nodes:
            if node != ROOT:
                self._ranking.set(node, node_index(tree, belief, prior, stakes, node))

    def _rank_all(self) -> None:
        indexes = all_indexes(self.tree, self.posterior, self.prior, self._stakes)
        self._ranking.replace_all(indexes)

    def refresh(self) -> None:
        """Renew every belief and every index."""
        tree = self.tree
        self.noise = measure_noise(
            tree,
            correlations=(self._pairs, self._correlations),
            seed_deviation=self.rules.seed_deviation,
        )
        layout = layout_of(tree)
        self.prior, read = learn_prior(tree, layout, self.noise)
        self.posterior.refresh(tree, layout, self.prior, read)
        self._stakes = Stakes(self._bar(), self._cheapest())
        self._rank_all()
        nodes = due(tree, np.asarray(self.posterior.mean)) if tree.rungs > 1 else []
        self._due = {node: tree.rung[node] for node in nodes}
        wait = 1 if len(tree) < ALWAYS_REFRESHED else len(tree) // 40
        self._refresh_at = self._tells + wait

    def _bar(self) -> float:
        mean, rung = np.asarray(self.posterior.mean), np.asarray(self.tree.rung)
        for least in range(len(self.rules.rungs) - 1, -1, -1):
            chosen = rung >= least
            chosen[ROOT] = False
            if chosen.any():
                return float(mean[chosen].max())
        return self.prior.draft

    def _cheapest(self) -> float:
        """Return the share of the first rung that can be trusted."""
        return self.rules.rungs[self.first_rung()]

    def first_rung(self) -> int:
        """Return the number of the rung that a new experiment is trained at first."""
        for rung, one in enumerate(self.prior.maps):
            if one.trusted:
                return rung
        return len(self.rules.rungs) - 1
