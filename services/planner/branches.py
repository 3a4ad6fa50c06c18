"""What lies at or below each node: the best, the sum, and how much is under way. Pure.

Only what looks at whole branches asks for it, so results need not be carried up to the root.
"""

from dataclasses import dataclass

from services.planner.tree import NONE, ExperimentTree


@dataclass(frozen=True, slots=True)
class Branches:
    """One number a node."""

    best: list[float]
    """Highest value, in the metric's unit; minus infinity where nothing was measured."""
    total: list[float]
    """Sum of every value."""
    in_flight: list[int]
    """Runs under way."""


def branches_of(tree: ExperimentTree) -> Branches:
    """Return what lies at or below each node of a tree."""
    best = [
        value if rung != NONE else -float("inf")
        for value, rung in zip(tree.value, tree.rung, strict=True)
    ]
    total, in_flight, parents = tree.value.tolist(), tree.running.tolist(), tree.parent
    for node in range(len(tree) - 1, 0, -1):  # a child is younger than its parent
        parent = parents[node]
        best[parent] = max(best[parent], best[node])
        total[parent] += total[node]
        in_flight[parent] += in_flight[node]
    return Branches(best, total, in_flight)
