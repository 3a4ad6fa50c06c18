"""The experiment tree: who derives from whom, what was measured, what is under way.

Columns rather than objects: a number a node in packed arrays, so that a million experiments fit
into memory and numpy can look at all of them at once. Nothing here believes or chooses anything.

Pure: no clock, no Redis, no randomness. The same calls in the same order give the same tree.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from shared.contracts.base import ROOT, ExperimentId

MAX_STALE = 3
"""Proposals below one node in a row that brought nothing new before it counts as exhausted."""

NONE = -1
"""Where an array of numbers of nodes, observations or rungs has none."""

Failure = Literal["broken", "diverged"]
"""Why a run earned nothing.

``broken``: the recipe or the machine does not work, which says nothing about recipes beside it.
``diverged``: training blew up, which speaks against recipes beside it.
"""


class Stage(IntEnum):
    """Where a node stands."""

    ASKED = 0
    """Asked for; nothing has come back."""
    TOLD = 1
    """Measured at least once."""
    BROKEN = 2
    """Failed in a way that teaches nothing about its neighbours."""
    DIVERGED = 3
    """Failed in a way that speaks against its neighbours."""
    DROPPED = 4
    """Given up before it ran."""
    ALIAS = 5
    """The same recipe as an older node."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One measurement of one trained checkpoint."""

    rung: int
    """Number of the fidelity it was trained at, counted from 0, the cheapest."""

    value: float
    """What was measured, in the metric's unit; higher is better."""

    variance: float
    """Of ``value``, from the items it was measured on; at least 0."""

    seed: int = 0
    """Of the training run. Another seed is another draw of the recipe's luck."""

    split: int = 0
    """0 for the rows that are searched by, 1 for rows kept to check finalists."""


class ExperimentTree:
    """Every experiment of a job, by number; the root is the base model.

    Each public column has one number a node. Only the methods write to them.
    """

    def __init__(self, rungs: int = 1) -> None:
        self.rungs = rungs
        self.parent = array("i", [NONE])
        self.last_child = array("i", [NONE])
        self.older_sibling = array("i", [NONE])
        self.depth = array("i", [0])
        self.stage = array("b", [Stage.TOLD])
        self.rung = array("b", [NONE])
        """Highest rung measured on the rows that are searched by."""
        self.settled = array("b", [0])
        """1 of a short run that stays one: what it could go on from is gone."""
        self.running = array("b", [0])
        """Runs in flight of the node itself."""
        self.stale = array("b", [0])
        self.done = array("i", [0])
        """Children that are over, aliases included."""
        self.pending = array("i", [0])
        """Children asked for and not over."""
        self.diverged = array("i", [0])
        """Children that diverged."""
        self.visits = array("i", [0])
        """Experiments over at or below the node, failed ones included."""
        self.failures = array("i", [0])
        """Experiments failed at or below the node."""
        self.value = array("d", [0.0])
        """Mean of what was measured at ``rung`` on the rows that are searched by."""
        self.prior = array("d", [1.0])
        """How promising the proposer finds the node, relative to others."""
        self.cost = array("d", [1.0])
        """What a full run of a child is expected to cost, in mean full runs."""
        self.aliases: dict[int, list[int]] = {}
        """Of a node, the other parents it was proposed below again."""
        self.latest = array("i", [NONE])
        """The node's latest observation."""
        self.observed_node = array("i")
        self.observed_rung = array("b")
        self.observed_split = array("b")
        self.observed_seed = array("q")
        self.observed_value = array("d")
        self.observed_variance = array("d")
        self.observed_before = array("i")
        """The observation of the same node before."""
        self.observed_anew = array("b")
        """1 for the measurement that counts for a training run: the one on the lowest split. Others
        of the same run only check it."""
        self.lowest, self.highest = float("inf"), -float("inf")

    def __len__(self) -> int:
        return len(self.parent)

    def expand(self, parent: ExperimentId) -> ExperimentId:
        """Add an experiment under way below a node and return its number."""
        node = len(self.parent)
        self.parent.append(parent)
        self.last_child.append(NONE)
        self.older_sibling.append(self.last_child[parent])
        self.last_child[parent] = node
        self.depth.append(self.depth[parent] + 1)
        self.stage.append(Stage.ASKED)
        self.rung.append(NONE)
        self.running.append(1)
        self.settled.append(0)
        self.latest.append(NONE)
        self.stale.append(0)
        for zeros in (self.done, self.pending, self.diverged, self.visits, self.failures):
            zeros.append(0)
        self.value.append(0.0)
        self.prior.append(1.0)
        self.cost.append(self.cost[parent])
        self.pending[parent] += 1
        return ExperimentId(node)

    def begin(self, node: ExperimentId) -> None:
        """Note that a run of a measured experiment is under way: a longer one, or another seed."""
        self.running[node] += 1

    def tell(self, node: ExperimentId, observation: Observation) -> bool:
        """Take in a measurement; return False when it was known, which changes nothing.

        A result that comes after the experiment was given up still counts.
        """
        same_run = [
            o
            for o in self.observations(node)
            if self.observed_seed[o] == observation.seed
            and self.observed_rung[o] == observation.rung
        ]
        if any(self.observed_split[o] == observation.split for o in same_run):
            return False
        anew = all(self.observed_split[o] > observation.split for o in same_run)
        for o in same_run if anew else ():
            self.observed_anew[o] = 0
        self.observed_node.append(node)
        self.observed_rung.append(observation.rung)
        self.observed_split.append(observation.split)
        self.observed_seed.append(observation.seed)
        self.observed_value.append(observation.value)
        self.observed_variance.append(observation.variance)
        self.observed_before.append(self.latest[node])
        self.observed_anew.append(anew)
        self.latest[node] = len(self.observed_node) - 1
        if not same_run:
            self._land(node)
        if self.stage[node] != Stage.TOLD:
            self._over(node, Stage.TOLD)
        if observation.split == 0:
            self._take_value(node, observation)
        return True

    def fail(self, node: ExperimentId, how: Failure) -> None:
        """Note that a run earned nothing.

        What was measured in full stays, whatever another seed does. What was measured only at a
        lower rung and then failed is worth nothing: it cannot be carried out.
        """
        self._land(node)
        if not self.is_full(node):
            self._over(node, Stage.BROKEN if how == "broken" else Stage.DIVERGED)

    def lose(self, node: ExperimentId) -> None:
        """Take a run back whose machine went away. It says nothing and counts nowhere."""
        self._land(node)
        if self.stage[node] == Stage.ASKED:
            self.stage[node] = Stage.DROPPED
            self.pending[self.parent[node]] -= 1

    def drop(self, node: ExperimentId) -> None:
        """Take back an experiment for which nothing new could be proposed."""
        if self.stage[node] == Stage.ASKED:
            self.lose(node)
            self._grow_stale(self.parent[node])

    def alias(self, node: ExperimentId, of: ExperimentId) -> None:
        """Note that an experiment asked for has the recipe of an older one; it is not run again.

        The older one's measurements then speak about this parent's other children too.
        """
        if self.stage[node] != Stage.ASKED:
            return
        parent = self.parent[node]
        self._land(node)
        self.stage[node] = Stage.ALIAS
        self.pending[parent] -= 1
        self.done[parent] += 1
        if parent not in (self.parent[of], ROOT):
            self.aliases.setdefault(of, []).append(parent)
        self._grow_stale(parent)

    def children(self, node: int) -> Iterator[int]:
        """Yield every child, the youngest first."""
        child = self.last_child[node]
        while child != NONE:
            yield child
            child = self.older_sibling[child]

    def lineage(self, node: int) -> Iterator[int]:
        """Yield a node and its ancestors up to the root."""
        while node != NONE:
            yield node
            node = self.parent[node]

    def observations(self, node: int) -> Iterator[int]:
        """Yield the numbers of a node's observations, the latest first."""
        at = self.latest[node]
        while at != NONE:
            yield at
            at = self.observed_before[at]

    def may_grow(self, node: int) -> bool:
        """Whether children may be asked for below a node."""
        return self.stage[node] == Stage.TOLD and self.stale[node] < MAX_STALE

    def may_go_on(self, node: int) -> bool:
        """Whether a node was measured after a short run that can be trained longer."""
        short = 0 <= self.rung[node] < self.rungs - 1
        return short and self.stage[node] == Stage.TOLD and not self.settled[node]

    def short(self) -> Iterator[ExperimentId]:
        """Yield every node that may go on, the oldest first."""
        if self.rungs > 1:
            yield from (ExperimentId(node) for node in range(len(self)) if self.may_go_on(node))

    def is_full(self, node: int) -> bool:
        """Whether a node was measured at full fidelity."""
        return self.rung[node] == self.rungs - 1

    def _take_value(self, node: int, new: Observation) -> None:
        if new.rung < self.rung[node]:
            return
        same = [
            self.observed_value[o]
            for o in self.observations(node)
            if self.observed_rung[o] == new.rung and self.observed_split[o] == 0
        ]
        self.rung[node] = new.rung
        self.value[node] = value = sum(same) / len(same)
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)

    def _over(self, node: int, stage: Stage) -> None:
        """Count an experiment as over; one that failed or was given up may come back told."""
        earlier = Stage(self.stage[node])
        parent = self.parent[node]
        self.stage[node] = stage
        failed = stage in (Stage.BROKEN, Stage.DIVERGED)
        if parent == NONE:
            return
        if earlier == Stage.ASKED:
            self.pending[parent] -= 1
        failed_before = earlier in (Stage.BROKEN, Stage.DIVERGED)
        counted = failed_before or earlier == Stage.TOLD
        self.done[parent] += not counted
        self.diverged[parent] += (stage == Stage.DIVERGED) - (earlier == Stage.DIVERGED)
        if not failed:
            self.stale[parent] = 0
        if not counted:
            for ancestor in self.lineage(node):
                self.visits[ancestor] += 1
        if failed != failed_before:
            for ancestor in self.lineage(node):
                self.failures[ancestor] += failed - failed_before

    def _land(self, node: int) -> None:
        if self.running[node]:
            self.running[node] -= 1

    def _grow_stale(self, parent: int) -> None:
        self.stale[parent] = min(MAX_STALE, self.stale[parent] + 1)
