"""How far a measured score may be from what the recipe is worth: items and seeds. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.planner.tree import ExperimentTree
from shared.comparison import paired
from shared.contracts.score import Score

PRIOR_RUNS = 3
"""Runs that the first guess of the seeds' variance counts as."""

SHARED = 0.5
"""First guess of how alike two models' results on the same items are, as a correlation."""

_PRIOR_PAIRS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Noise:
    """Variances of a full run's score, in squares of the metric's unit."""

    evaluation: float
    """Of the sampled items, as far as it differs between models: mean over all measurements."""

    seed: float
    """Of the training seed."""

    kept: float
    """The share of an item variance that does not cancel between models scored on the same items.

    Two models find the same items hard. That part moves both scores alike and says nothing about
    which is better.
    """

    @property
    def total(self) -> float:
        """Of one full run's score, in squares of the metric's unit."""
        return self.evaluation + self.seed


def measure_noise(
    tree: ExperimentTree, *, correlations: tuple[int, float], seed_deviation: float | None
) -> Noise:
    """Return the noise that all measurements so far speak for.

    ``seed = (nu0 * s0^2 + SSE) / (nu0 + df)``: squared deviations of scores of one recipe from
    their mean, pooled over every recipe that was run with several seeds, with ``nu0 = 3`` runs of
    a first guess ``s0``: what is given, otherwise the standard error of a score.

    Args:
        tree: what was measured.
        correlations: how many pairs of scores on the same items were compared, and the sum of
            their correlations; 3 pairs of `SHARED` are added.
        seed_deviation: first guess of the seeds' standard deviation, in the metric's unit.

    Source: pooled variance with a scaled inverse chi-squared prior, Gelman et al., "Bayesian Data
    Analysis", 3rd edition, section 2.6. The correlation of paired items: Miller, "Adding Error
    Bars to Evals", 2024, arXiv 2411.00640, section 4.2.
    """
    pairs, total = correlations
    rho = (_PRIOR_PAIRS * SHARED + total) / (_PRIOR_PAIRS + pairs)
    kept = 1.0 - min(0.95, max(0.0, rho))
    top = np.asarray(tree.observed_rung) == tree.rungs - 1
    evaluation = kept * _mean(np.asarray(tree.observed_variance)[top])
    guess = evaluation if seed_deviation is None else seed_deviation**2
    squares, freedom = _between_seeds(tree, top)
    seed = (PRIOR_RUNS * guess + squares) / (PRIOR_RUNS + freedom)
    return Noise(evaluation=evaluation, seed=seed, kept=kept)


def shared_correlation(a: Score, b: Score) -> float | None:
    """Return how alike the two find the items hard: Pearson's correlation, in [-1, 1].

    None when one of them found all items alike, or there are fewer than 3.

    Raises:
        ValueError: the scores are not on the same rows.
    """
    x, y = (np.array(items) for items in paired(a, b))
    if len(x) < 3 or (x == x[0]).all() or (y == y[0]).all():
        return None
    x -= x.mean()
    y -= y.mean()
    spread = float(x @ x) * float(y @ y)
    return max(-1.0, min(1.0, float(x @ y) / math.sqrt(spread))) if spread > 0.0 else None


def _between_seeds(tree: ExperimentTree, top: NDArray[np.bool_]) -> tuple[float, int]:
    """Return the sum of squares within nodes run with several seeds, and its freedom."""
    chosen = np.flatnonzero(top & (np.asarray(tree.observed_anew) == 1))
    # Only scores on the same rows differ by their seeds alone.
    group = np.asarray(tree.observed_node)[chosen].astype(np.intp) * 2
    group += np.asarray(tree.observed_split)[chosen]
    again = np.bincount(group)[group] > 1
    if not again.any():
        return 0.0, 0
    value = np.asarray(tree.observed_value)[chosen[again]]
    groups, at, count = np.unique(group[again], return_inverse=True, return_counts=True)
    mean = np.bincount(at, value) / count
    return float(((value - mean[at]) ** 2).sum()), len(value) - len(groups)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
