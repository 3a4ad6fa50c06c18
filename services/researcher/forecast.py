"""Forecasts what a recipe would score from every score of the tree: a small Gaussian process.

Rules say which way to go from one experiment; the forecast weighs their suggestions against all
that has been measured anywhere, so that the same mistake is not made in two branches.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, pstdev
from typing import TypeAlias

from services.researcher.evidence import broke_down
from services.researcher.factors import Factor, value_of
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed

_LENGTHS = {
    "learning_rate": math.log(3.0),
    "num_train_epochs": math.log(2.5),
    "batch_size": math.log(4.0),
    "r": math.log(4.0),
}
"""Steps (in logarithms) over which a score stays about the same."""

_OTHER_VALUE = 0.4  # of a factor of little weight: almost the same recipe
_OTHER_ADAPTER = 1.5  # a rate is another thing to another kind of adapter or method
_LEAST_SPREAD = 0.02  # of scores: about what two seeds differ by
_LEAST_NOISE = 0.1  # of a score, in units of the spread: no two runs are quite the same
_NORMAL = NormalDist()


Place: TypeAlias = tuple[float | str | None, ...]
"""A recipe as its method and one coordinate for each factor, numbers in units of the lengths."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the scores so far say about recipes not yet tried."""

    factors: tuple[Factor, ...]
    places: tuple[Place, ...]
    mean: float
    spread: float
    triangle: tuple[tuple[float, ...], ...]
    """Lower Cholesky factor of the correlations, with the noise on its diagonal."""
    pulls: tuple[float, ...]
    best: float
    """Highest score so far."""

    def expected(self, recipe: Recipe) -> tuple[float, float]:
        """Return the expected score and its standard deviation."""
        place = _place(recipe, self.factors)
        alike = [_alike(place, other, self.factors) for other in self.places]
        solved = _forward(self.triangle, alike)
        doubt = max(1e-6, 1 - _dot(solved, solved))
        return self.mean + _dot(alike, self.pulls), self.spread * math.sqrt(doubt)

    def improvement(self, recipe: Recipe) -> float:
        """Return by how much the recipe is expected to raise the best score, never below 0.

        Source: expected improvement, Jones, Schonlau and Welch, "Efficient Global Optimization of
        Expensive Black-Box Functions", 1998, equation 15.
        """
        mean, deviation = self.expected(recipe)
        ahead = (mean - self.best) / deviation
        return deviation * (ahead * _NORMAL.cdf(ahead) + _NORMAL.pdf(ahead))


def forecast(findings: Sequence[Finding], factors: Iterable[Factor]) -> Forecast | None:
    """Return the forecast from all that was scored; None with fewer than 2 scores.

    What broke down counts as the lowest score, and what is under way as the mean: the forecast
    then looks for something else to do beside it.

    Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1;
    the "constant liar" of Ginsbourger et al., 2010, for what is under way.
    """
    scores = [finding.value for finding in findings if finding.value is not None]
    if len(scores) < 2:
        return None
    mean = fmean(scores)
    told: list[tuple[Recipe, float, float]] = []
    for finding in findings:
        if finding.value is not None:
            told.append((finding.recipe, finding.value, finding.stderr or 0.0))
        elif broke_down(finding):
            told.append((finding.recipe, min(scores), 0.0))
        elif not isinstance(finding.outcome, Failed):
            told.append((finding.recipe, mean, 0.0))
    spread = max(_LEAST_SPREAD, pstdev(scores))
    table = tuple(factors)
    places = tuple(_place(recipe, table) for recipe, _, _ in told)
    matrix = [[_alike(one, other, table) for other in places] for one in places]
    for number, (_, _, stderr) in enumerate(told):
        matrix[number][number] += max(_LEAST_NOISE, stderr / spread) ** 2
    triangle = _cholesky(matrix)
    pulls = _backward(triangle, _forward(triangle, [value - mean for _, value, _ in told]))
    return Forecast(table, places, mean, spread, triangle, tuple(pulls), max(scores))


def _place(recipe: Recipe, factors: Iterable[Factor]) -> Place:
    coordinates = (
        math.log(float(value)) / _LENGTHS[factor.name]
        if factor.name in _LENGTHS and value is not None
        else value
        for factor in factors
        for value in [value_of(recipe, factor.name)]
    )
    return (recipe.method.kind, *coordinates)


def _alike(one: Place, other: Place, factors: Iterable[Factor]) -> float:
    """Return the correlation of two recipes' scores, in (0, 1]."""
    squares = 0.0 if one[0] == other[0] else _OTHER_ADAPTER**2
    for mine, theirs, factor in zip(one[1:], other[1:], factors, strict=True):
        if mine == theirs or mine is None or theirs is None:
            continue
        if factor.name in _LENGTHS:
            apart = float(mine) - float(theirs)
        else:
            apart = _OTHER_ADAPTER if factor.name == "adapter" else _OTHER_VALUE
        squares += apart * apart
    return math.exp(-squares / 2)


def _cholesky(matrix: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    rows: list[list[float]] = []
    for i, wanted in enumerate(matrix):
        row: list[float] = []
        for j in range(i):
            row.append((wanted[j] - _dot(row, rows[j])) / rows[j][j])
        row.append(math.sqrt(wanted[i] - _dot(row, row)))
        rows.append(row)
    return tuple(map(tuple, rows))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=False))


def _forward(triangle: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float]:
    solved: list[float] = []
    for row, value in zip(triangle, wanted, strict=True):
        solved.append((value - _dot(solved, row)) / row[-1])
    return solved


def _backward(triangle: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float]:
    size = len(triangle)
    solved = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(triangle[j][i] * solved[j] for j in range(i + 1, size))
        solved[i] = (wanted[i] - rest) / triangle[i][i]
    return solved
