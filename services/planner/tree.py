"""The experiment tree and the rule that grows it.

Pure: no clock, no Redis, no randomness. The same calls in the same order give the same tree, so a
search can be replayed from its ledger and every rule here is tested without a service.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import SearchMode

WIDENING = 1 / 3
"""Exponent of progressive widening. With width 2 a search of ten begins with four fresh drafts."""

MAX_STALE = 2
"""Proposals below one node that brought nothing new before the node counts as exhausted."""


DRAFTS = 5
"""Fresh starts of the greedy search before it only improves (Jiang et al., "AIDE", 2025)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to grow the tree, and why there."""

    parent: ExperimentId
    why: str


@dataclass(slots=True)
class Node:
    """One experiment's statistics: its own and those of everything below it."""

    id: ExperimentId
    parent: ExperimentId | None
    children: list[ExperimentId] = field(default_factory=list)
    visits: int = 0
    """Experiments told at or below this node."""
    in_flight: int = 0
    """Experiments asked for and not told, at or below this node."""
    reward: float | None = None
    """Its own, in [0, 1]; None until told."""
    best_below: float = 0.0
    """Highest reward at or below this node."""
    failed: bool = False
    failed_children: int = 0
    stale: int = 0
    """Children dropped in a row because the proposer had nothing new."""


class ExperimentTree:
    """Grow with `ask` and `expand`, learn with `tell`.

    `ask` may be called again before the first `tell`. Experiments in flight count as visits that
    earned nothing, so parallel workers spread out instead of piling onto one branch.
    """

    def __init__(
        self, *, exploration: float, width: int, mode: SearchMode = SearchMode.UCT
    ) -> None:
        self.mode = mode
        self.exploration = exploration
        self.width = width
        root = Node(ROOT, parent=None, in_flight=1)
        self.nodes: dict[ExperimentId, Node] = {ROOT: root}
        self._lowest, self._highest = math.inf, -math.inf  # rewards of what did not fail

    def ask(self) -> Choice | None:
        """Return where the next experiment should grow, changing nothing.

        Nothing grows below an unfinished or failed experiment. None means that every place to grow
        waits for an experiment that has not been told.
        """
        match self.mode:
            case SearchMode.UCT:
                return self._descend()
            case SearchMode.GREEDY:
                return self._best_or_draft()
            case SearchMode.SEQUENTIAL:
                return self._newest()
            case SearchMode.RANDOM:
                return self._draft()

    def _descend(self) -> Choice | None:
        """From the root: a node with room, else its children in order of `_uct`."""
        waiting = [ROOT]
        while waiting:
            node = self.nodes[waiting.pop()]
            if self._has_room(node):
                return Choice(node.id, self._why(node))
            by_promise = sorted(node.children, key=lambda child: self._rank(child, node))
            waiting.extend(by_promise)  # the most promising last, so it is looked at next
        return None

    def _best_or_draft(self) -> Choice | None:
        """`DRAFTS` fresh starts, then always below the best: greedy best-first search."""
        root = self.nodes[ROOT]
        if len(root.children) - root.failed_children < DRAFTS:
            return self._draft()
        open_nodes = [node for node in self.nodes.values() if self._may_grow(node)]
        if not open_nodes:
            return None
        best = max(open_nodes, key=lambda node: (node.reward or 0.0, -node.id))
        return Choice(best.id, f"below #{best.id}, the best so far with {best.reward:.3f}")

    def _newest(self) -> Choice | None:
        """Below the last experiment that did not fail, once it is told: one chain."""
        if self.nodes[ROOT].in_flight:
            return None
        open_nodes = [node.id for node in self.nodes.values() if self._may_grow(node)]
        return Choice(max(open_nodes), "after the newest that did not fail") if open_nodes else None

    def _draft(self) -> Choice | None:
        """Always a fresh start: what a search is worth that learns nothing from its tree."""
        root = self.nodes[ROOT]
        return Choice(ROOT, self._why(root)) if self._may_grow(root) else None

    def expand(self, parent: ExperimentId) -> ExperimentId:
        """Add an experiment in flight below a node and return its number."""
        node = Node(ExperimentId(len(self.nodes)), parent)
        self.nodes[node.id] = node
        self.nodes[parent].children.append(node.id)
        for ancestor in self._lineage(node.id):
            ancestor.in_flight += 1
        return node.id

    def tell(self, experiment: ExperimentId, reward: float, *, failed: bool = False) -> None:
        """Credit a finished experiment to its node and every ancestor.

        Telling an experiment twice changes nothing, because messages come twice.

        Raises:
            ValueError: ``reward`` is outside [0, 1].
            KeyError: no such experiment.
        """
        if not 0.0 <= reward <= 1.0:
            raise ValueError(f"reward of experiment {experiment} must be in [0, 1], got {reward}")
        node = self.nodes[experiment]
        if node.reward is not None:
            return
        node.reward, node.failed = reward, failed
        if not failed:
            self._lowest = min(self._lowest, reward)
            self._highest = max(self._highest, reward)
        for ancestor in self._lineage(experiment):
            ancestor.in_flight -= 1
            ancestor.visits += 1
            ancestor.best_below = max(ancestor.best_below, reward)
        if node.parent is not None:
            self.nodes[node.parent].stale = 0
            self.nodes[node.parent].failed_children += failed

    def drop(self, experiment: ExperimentId) -> None:
        """Take back an experiment for which nothing new could be proposed. It is not a visit."""
        node = self.nodes[experiment]
        if node.parent is None or experiment not in self.nodes[node.parent].children:
            return
        for ancestor in self._lineage(experiment):
            ancestor.in_flight -= 1
        parent = self.nodes[node.parent]
        parent.children.remove(experiment)
        parent.stale += 1

    def _has_room(self, node: Node) -> bool:
        """Whether a finished node may have another child: ``children < width * visits^WIDENING``.

        Children that failed do not count: a search whose every draft failed needs another draft.

        Source: progressive widening, Coulom, "Computing Elo Ratings of Move Patterns", 2007.
        """
        if not self._may_grow(node):
            return False
        alive = len(node.children) - node.failed_children
        return alive < math.ceil(self.width * math.pow(node.visits, WIDENING))

    def _may_grow(self, node: Node) -> bool:
        return node.reward is not None and not node.failed and node.stale < MAX_STALE

    def _rank(self, child: ExperimentId, parent: Node) -> tuple[float, int]:
        # Equal promise goes to the older experiment: `ask` looks at the highest rank first.
        return self._uct(self.nodes[child], parent), -child

    def _uct(self, child: Node, parent: Node) -> float:
        """Best reward below plus a bonus for being rarely tried: ``Q + c * sqrt(ln N / n)``.

        Every node is a finished product, so a good one is not worth less for its poor children:
        Q is the maximum, not the mean, scaled so that the rewards seen so far span [0, 1].

        Source: UCT, Kocsis and Szepesvari, ECML 2006, section 2. Counting experiments in flight as
        visits is the virtual loss of Chaslot et al., Computers and Games 2008.
        """
        tried = child.visits + child.in_flight
        parent_tried = parent.visits + parent.in_flight
        bonus = math.sqrt(math.log(max(parent_tried, 1)) / tried) if tried else math.inf
        return self._scaled(child.best_below) + self.exploration * bonus

    def _scaled(self, reward: float) -> float:
        if self._highest <= self._lowest:
            return 0.5
        return max(0.0, (reward - self._lowest) / (self._highest - self._lowest))

    def _why(self, node: Node) -> str:
        if node.id == ROOT:
            return f"a fresh start from the base model, which has {len(node.children)} so far"
        return (
            f"below #{node.id}, whose branch reached {node.best_below:.3f} in "
            f"{node.visits} experiment{'s' if node.visits != 1 else ''}"
        )

    def _lineage(self, experiment: ExperimentId) -> Iterator[Node]:
        current: ExperimentId | None = experiment
        while current is not None:
            node = self.nodes[current]
            yield node
            current = node.parent
