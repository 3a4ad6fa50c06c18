"""Forecasts what a recipe would score from every score of the tree: a small Gaussian process.

Rules say which way to go from one experiment; the forecast weighs their suggestions against all
that has been measured anywhere, so that the same mistake is not made in two branches.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, pstdev
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.researcher.evidence import broke_down
from services.researcher.factors import Factor, Value, value_of
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


Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Space:
    """Where recipes lie: the method is the first coordinate, each factor another.

    Numbers are logarithms in units of the lengths, choices are numbered as they are met, and what
    does not apply is NaN.
    """

    factors: tuple[Factor, ...]
    numbers: dict[Value, int]
    """Of the choices met so far."""

    def places(self, recipes: Iterable[Recipe]) -> Floats:
        """Return a row of coordinates for each recipe."""
        return np.array([self._place(recipe) for recipe in recipes])

    def alike(self, some: Floats, others: Floats) -> Floats:
        """Return the correlation of each two recipes' scores, in (0, 1]."""
        squares = np.zeros((len(some), len(others)))
        for column, factor in enumerate((None, *self.factors)):
            apart = np.subtract.outer(some[:, column], others[:, column])
            apart[np.isnan(apart)] = 0.0
            if factor is not None and factor.name in _LENGTHS:
                squares += apart**2
            else:
                another = factor is None or factor.name == "adapter"
                squares[apart != 0.0] += (_OTHER_ADAPTER if another else _OTHER_VALUE) ** 2
        return np.exp(-squares / 2)

    def _place(self, recipe: Recipe) -> list[float]:
        place = [float(self._number(recipe.method.kind))]
        for factor in self.factors:
            value = value_of(recipe, factor.name)
            if value is None:
                place.append(math.nan)
            elif factor.name in _LENGTHS:
                place.append(math.log(float(value)) / _LENGTHS[factor.name])
            else:
                place.append(float(self._number(value)))
        return place

    def _number(self, choice: Value) -> int:
        return self.numbers.setdefault(choice, len(self.numbers))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the scores so far say about recipes not yet tried."""

    space: Space
    places: Floats
    mean: float
    spread: float
    whitening: Floats
    """Inverse of the lower Cholesky factor of the correlations, with the noise on its diagonal."""
    pulls: Floats
    best: float
    """Highest score so far."""

    def expected(self, recipe: Recipe) -> tuple[float, float]:
        """Return the expected score and its standard deviation."""
        alike = self.space.alike(self.space.places([recipe]), self.places)[0]
        solved = self.whitening @ alike
        doubt = max(1e-6, 1 - float(solved @ solved))
        return self.mean + float(alike @ self.pulls), self.spread * math.sqrt(doubt)

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
    space = Space(tuple(factors), {})
    places = space.places(recipe for recipe, _, _ in told)
    noise = [max(_LEAST_NOISE, stderr / spread) ** 2 for _, _, stderr in told]
    triangle = np.linalg.cholesky(space.alike(places, places) + np.diag(noise))
    whitening = np.linalg.inv(triangle)
    pulls = whitening.T @ (whitening @ np.array([value - mean for _, value, _ in told]))
    return Forecast(space, places, mean, spread, whitening, pulls, max(scores))
