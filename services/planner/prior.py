"""What experiments of this job do before and after a change: the numbers the posterior runs on.

Learned from all measurements at once (empirical Bayes), each shrunk towards a first guess, so that
few measurements change little. They depend on what was measured, not on the order it came in. Pure.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from services.planner.fidelity import RungMap, learn_maps
from services.planner.noise import Noise
from services.planner.tree import ExperimentTree, Stage
from shared.contracts.base import ROOT

STEP, STEP_VARIANCE, DRAFT_DEVIATION = -0.08, 0.06, 0.5
"""First guesses of `Prior`, in units of the scale: most changes lose a little, some win a lot."""

_STEPS, _DRAFTS, _DRAFT_SPREADS = 6, 2, 3  # measurements that the first guesses count as
_LEAST_STEP = 0.1  # smallest deviation of a step, in draft deviations: else improvement looks over
_FARTHEST = 4.0  # deviations beyond which a step says no more than one at that distance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prior:
    """How a draft and a child of an experiment are distributed, in the metric's unit.

    A draft is ``N(draft, spread)``, a child ``N(parent + step, change)``.
    """

    draft: float
    spread: float
    """Variance."""
    step: float
    change: float
    """Variance."""
    scale: float
    """What scores differ by: about the way from a usual fresh start to the best recipe."""
    noise: Noise
    maps: tuple[RungMap, ...]
    """Of each rung below the full one, the cheapest first."""


def learn_prior(tree: ExperimentTree, noise: Noise) -> Prior:
    """Return the prior that all measurements so far speak for.

    ``step = (6 * s0 + sum of steps) / (6 + k)``, ``change = (6 * c0 + sum of ((steps - step)^2 -
    noise)) / (6 + k)``, where a step is a child's score minus its parent's and its noise is the sum
    of both variances; drafts likewise with 2 and 3 in place of 6.

    Source: empirical Bayes for hierarchical normal models, Efron and Morris, "Data Analysis Using
    Stein's Estimator and Its Generalizations", 1975.
    """
    full = [RungMap(0.0, 1.0, 0.0, trusted=True)]
    value, variance = foreseen(tree, noise, [*_unmapped(tree, noise), *full])
    parent = np.asarray(tree.parent)
    drafts = np.isfinite(value) & (parent == ROOT)
    scale = _scale(value[drafts], noise)
    maps = learn_maps(tree, noise=noise.total, scale=scale, spread=(DRAFT_DEVIATION * scale) ** 2)
    value, variance = foreseen(tree, noise, [*maps, *full])
    draft, spread = _fit(
        value[drafts],
        variance[drafts],
        mean=(_DRAFTS, float(np.median(value[drafts])) if drafts.any() else 0.0),
        deviation=(_DRAFT_SPREADS, DRAFT_DEVIATION * scale),
    )
    spread = max(spread, (_LEAST_STEP * scale) ** 2)
    children = np.isfinite(value) & (parent > ROOT)
    children[children] = np.isfinite(value[parent[children]])
    above = parent[children]
    step, change = _fit(
        value[children] - value[above],
        variance[children] + variance[above],
        mean=(_STEPS, STEP * scale),
        deviation=(_STEPS, sqrt(STEP_VARIANCE) * scale),
    )
    change = max(change, _LEAST_STEP**2 * spread)
    return Prior(draft, spread, step, change, scale, noise, tuple(maps))


def foreseen(tree: ExperimentTree, noise: Noise, maps: list[RungMap]) -> tuple[Floats, Floats]:
    """Return for each node the full score it is measured to have, and the variance; NaN without.

    Only the highest rung counts: what a short run said is in the longer one already. Measurements
    of several seeds are combined by their precision.

    Source: inverse-variance weighting; Cochran, "Problems Arising in the Analysis of a Series of
    Similar Experiments", 1937.
    """
    top = np.asarray(tree.rung)
    rung = np.asarray(tree.observed_rung)
    node = np.asarray(tree.observed_node)
    chosen = (rung == top[node]) & (np.asarray(tree.observed_anew) == 1)
    node, rung = node[chosen], rung[chosen]
    intercept, slope, residual = (
        np.array([getattr(one, name) for one in maps])[rung]
        for name in ("intercept", "slope", "residual")
    )
    value = intercept + slope * np.asarray(tree.observed_value)[chosen]
    measured = noise.kept * np.asarray(tree.observed_variance)[chosen] + noise.seed
    variance = np.where(rung == tree.rungs - 1, measured, residual)
    precision = 1.0 / np.maximum(variance, 1e-12)
    count = len(tree)
    total = np.bincount(node, precision, minlength=count)
    weighted = np.bincount(node, precision * value, minlength=count)
    stage = np.asarray(tree.stage)
    known = (total > 0) & (stage == Stage.TOLD)
    nothing = np.full(count, np.nan)
    return (
        np.divide(weighted, total, out=nothing.copy(), where=known),
        np.divide(1.0, total, out=nothing, where=known),
    )


def _unmapped(tree: ExperimentTree, noise: Noise) -> list[RungMap]:
    return [RungMap(0.0, 1.0, noise.total, trusted=True)] * (tree.rungs - 1)


def _scale(drafts: Floats, noise: Noise) -> float:
    """Return twice the robust deviation of fresh starts, at least twice that of the noise.

    The deviation is the median distance from the median times 1.4826: a draft that learned nothing
    does not stretch it. Fewer than 3 drafts say nothing of their spread yet.

    Source: Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", 1993, equation 1.
    """
    least = max(2 * sqrt(noise.total), 1e-3)
    if len(drafts) < 3:
        return least
    away = 1.4826 * float(np.median(np.abs(drafts - np.median(drafts))))
    return max(least, 2 * away)


def _fit(
    values: Floats, noises: Floats, *, mean: tuple[int, float], deviation: tuple[int, float]
) -> tuple[float, float]:
    """Return mean and variance of what lies under noisy values, each shrunk to a first guess."""
    count = len(values)
    weight, guess = mean
    reach = _FARTHEST * np.sqrt(deviation[1] ** 2 + noises)
    values = np.clip(values, guess - reach, guess + reach)
    fitted = (weight * guess + float(values.sum())) / (weight + count)
    weight, guess = deviation
    squares = float(((values - fitted) ** 2 - noises).sum())
    return fitted, max(0.0, (weight * guess**2 + squares) / (weight + count))
