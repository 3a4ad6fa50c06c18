"""A tree of tried configurations, as the peers' published rules keep it; see `Grown`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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

ROOT = 0


@dataclass
class Node:
    """One tried configuration; the root stands for what every draft starts from."""

    parent: int
    configuration: Configuration | None
    score: float | None = None
    failed: bool = False
    children: list[int] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        """Whether no result has come yet."""
        return self.configuration is not None and self.score is None and not self.failed


@dataclass
class Grown:
    """The tree that `Grower` grows."""

    nodes: list[Node]
    spent: float = 0.0
    """Share of the budget, in [0, 1]."""

    def below(self, at: int) -> Iterator[int]:
        """Yield a node and all its descendants."""
        yield at
        for child in self.nodes[at].children:
            yield from self.below(child)

    def scores(self, at: int, *, itself: bool = True) -> list[float]:
        """Return the scores below a node and, unless told otherwise, its own."""
        nodes = [n for n in self.below(at) if itself or n != at]
        return [s for n in nodes if (s := self.nodes[n].score) is not None]

    def scored(self) -> list[int]:
        """Return the nodes that have a score."""
        return [n for n, node in enumerate(self.nodes) if node.score is not None]

    def scaled(self, score: float) -> float:
        """Return a score where the lowest so far is 0 and the highest is 1; 0.5 when all agree."""
        seen = [node.score for node in self.nodes if node.score is not None]
        low, high = min(seen), max(seen)
        return (score - low) / (high - low) if high > low else 0.5


Rule = Callable[[Grown, Random], int | None]
"""Returns the node to grow a child below, `ROOT` for a draft; None to wait."""


class Grower:
    """Grows a tree by a rule, every run full, and hands back the highest score."""

    def __init__(self, world: World, rule: Rule, rng: Random, budget: float) -> None:
        self._rule, self._rng, self._budget = rule, rng, budget
        self._researcher = Researcher(world, rng)
        self._full = len(world.rungs) - 1
        self._tree = Grown([Node(parent=-1, configuration=None)])

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Grow a child where the rule says; a draft where nothing new comes to mind below."""
        tree = self._tree
        tree.spent = min(1.0, spent / self._budget)
        parent = self._rule(tree, self._rng)
        if parent is None and in_flight:
            return None
        parent = parent or ROOT
        above = tree.nodes[parent].configuration
        configuration = self._researcher.improve(above) if above is not None else None
        if configuration is None:
            parent, configuration = ROOT, self._researcher.draft()
        if configuration is None:
            return None
        tree.nodes.append(Node(parent, configuration))
        node = len(tree.nodes) - 1
        tree.nodes[parent].children.append(node)
        return Trial(configuration, self._full, node=node)

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Take in a result."""
        node = self._tree.nodes[trial.node]
        node.failed = measured is None
        node.score = measured.value if measured else None

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return the highest score, whatever is to be delivered."""
        best = max(self._tree.scored(), key=lambda n: (self._tree.nodes[n].score, -n), default=None)
        if best is None:
            return None
        node = self._tree.nodes[best]
        assert node.configuration is not None
        assert node.score is not None
        return Delivered(node.configuration, self._full, 0, node.score)
