"""The table of real runs as a world: every run that is asked for was made and is looked up."""

from collections.abc import Callable, Sequence
from random import Random
from statistics import fmean

from benchmarks.search.fttable import researcher
from benchmarks.search.fttable.grid import AXES, ORDERED, Point
from benchmarks.search.fttable.table import Table
from benchmarks.search.world import Configuration, Dimension, Measured, Split

Mutate = Callable[[Point, Point, Random], Point]
"""Returns a changed point, given the levels of the grid."""

RESEARCHERS: dict[str, Mutate] = {
    "guesses": researcher.guess,
    "by the book": researcher.by_the_book,
}
"""Who proposes, by name."""


class TableWorld:
    """Real runs of a nano model; scores are accuracies on the items of a split.

    Which of the table's seeds is a contestant's first is drawn for every recipe, so that two
    contests differ. Asked for more seeds than were run, the table begins again.
    """

    def __init__(self, table: Table, *, mutate: Mutate, seed: int) -> None:
        self.rungs: Sequence[float] = table.manifest["rungs"]
        self.dimensions: Sequence[Dimension] = [
            Dimension(name, count, name in ORDERED)
            for name, count in zip(AXES, table.levels, strict=True)
        ]
        self._table, self._mutate, self._seed = table, mutate, seed
        self._mean_cost = fmean(table.cost_s(point, -1) for point in table.place)

    def draft(self, rng: Random) -> Configuration:
        """Return a point drawn evenly."""
        return researcher.any_point(self._table.levels, rng)

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        """Return what the researcher makes of a point."""
        return self._mutate(_point(parent), self._table.levels, rng)

    def cost(self, configuration: Configuration) -> float:
        """Return a full run's CPU-seconds of training, in means of the table."""
        return self._table.cost_s(_point(configuration), -1) / self._mean_cost

    def crashes(self, configuration: Configuration) -> bool:
        """Whether the first run failed."""
        point = _point(configuration)
        return self._table.failed(point, self._run(point, 0))

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        """Return the accuracy of a checkpoint, and the variance that its items leave."""
        point = _point(configuration)
        share = self._table.accuracy(point, self._run(point, seed), rung, split)
        items = self._table.manifest["items"][split]
        # One right and one wrong answer more: at 0 and 1 a plain estimate has no variance.
        smoothed = (share * items + 1) / (items + 2)
        return Measured(share, smoothed * (1 - smoothed) / items)

    def truth(self, configuration: Configuration) -> float:
        """Return the mean accuracy on the test items, over seeds."""
        return self._table.truth(_point(configuration))

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        """Return the checkpoint's own accuracy on the test items; of a short run, its recipe's."""
        point = _point(configuration)
        if rung < len(self.rungs) - 1:
            return self._table.truth(point)
        return self._table.accuracy(point, self._run(point, seed), rung, "test")

    def regret(self, truth: float) -> float:
        """Return 0 for the table's best recipe and 1 for its default."""
        return (self._table.best - truth) / (self._table.best - self._table.default)

    def _run(self, point: Point, seed: int) -> int:
        first = Random(f"{self._seed} {point}").randrange(self._table.seeds)
        return (first + seed) % self._table.seeds


def _point(configuration: Configuration) -> Point:
    return tuple(int(level) for level in configuration)
