"""What experiments of this job do before and after a change: the numbers the posterior runs on.

Learned from all measurements at once (empirical Bayes), each shrunk towards a first guess, so that
few measurements change little. They depend on what was measured, not on the order it came in. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from services.planner.fidelity import RungMap, learn_maps
from services.planner.messages import Inheritance, Layout, Sweeps, sweep
from services.planner.noise import Noise
from services.planner.tree import ExperimentTree, Stage
from shared.contracts.base import ROOT

STEP, STEP_VARIANCE, DRAFT_DEVIATION = -0.08, 0.06, 0.5
"""First guesses of `Prior`, in units of the scale: most changes lose a little, some win a lot."""

_STEPS, _DRAFTS, _DRAFT_SPREADS = 6, 2, 3  # measurements that the first guesses count as
_LEAST_STEP = 0.1  # smallest deviation of a step, in draft deviations: else improvement looks over
_ROUNDS = 2  # of fitting what is inherited to what it implies
_FARTHEST = 4.0  # deviations beyond which a step says no more than one at that distance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before a measurement, in the metric's unit."""

    inheritance: Inheritance
    scale: float
    """What scores differ by: about the way from a usual fresh start to the best recipe."""
    noise: Noise
    maps: tuple[RungMap, ...]
    """Of each rung below the full one, the cheapest first."""

    @property
    def draft(self) -> float:
        """Of a fresh start, the mean."""
        return self.inheritance.draft

    @property
    def spread(self) -> float:
        """Of a fresh start, the variance."""
        return self.inheritance.spread

    @property
    def step(self) -> float:
        """Mean of what a child is better than its parent."""
        return self.inheritance.step

    @property
    def change(self) -> float:
        """Variance of what a child is better than its parent."""
        return self.inheritance.change


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each node's own measurements say, by node; 0 without any."""

    precision: Floats
    """In 1 over the metric's unit squared."""
    weighted: Floats
    """Precision times mean."""


def learn_prior(tree: ExperimentTree, layout: Layout, noise: Noise) -> tuple[Prior, Evidence]:
    """Return the prior that all measurements so far speak for, and these, read by it.

    What is better or worse than its parent shows in the branch's own measurements against all that
    is known of the parent otherwise. Against the parent's own score alone it would not: what is
    grown further was often only lucky, and its children look like losses.

    Source: empirical Bayes for hierarchical normal models, Efron and Morris, "Data Analysis Using
    Stein's Estimator and Its Generalizations", 1975.
    """
    drafts = (np.asarray(tree.parent) == ROOT) & (np.asarray(tree.stage) == Stage.TOLD)
    drafts &= np.asarray(tree.rung) >= 0
    value, rung = np.asarray(tree.value), np.asarray(tree.rung)
    full = (rung == tree.rungs - 1) & (np.asarray(tree.stage) == Stage.TOLD)
    scale = _scale(value[drafts], float(value[full].max()) if full.any() else None, noise)
    spread = (DRAFT_DEVIATION * scale) ** 2
    maps = learn_maps(tree, noise=noise.total, scale=scale, spread=spread)
    read = evidence(tree, noise, maps)
    own, weighted = read.precision[layout.order], read.weighted[layout.order]
    known = np.flatnonzero(own[layout.drafts]) + layout.drafts.start
    guess = Inheritance(
        draft=float(np.median(weighted[known] / own[known])) if len(known) else 0.0,
        spread=spread,
        step=STEP * scale,
        change=STEP_VARIANCE * scale**2,
    )
    learned = guess
    for _ in range(_ROUNDS):
        found = sweep(layout, own, weighted, learned)
        learned = _refit(layout, found, learned, guess)
    return Prior(learned, scale, noise, tuple(maps)), read


def _refit(layout: Layout, found: Sweeps, by: Inheritance, guess: Inheritance) -> Inheritance:
    """Return what fits the measurements better, shrunk to the first guess."""
    known = found.up > 0
    drafts = np.flatnonzero(known[layout.drafts]) + layout.drafts.start
    draft, spread = _fit(
        found.up_weighted[drafts] / found.up[drafts],
        1.0 / found.up[drafts],
        mean=(_DRAFTS, guess.draft),
        variance=(_DRAFT_SPREADS, guess.spread),
        believed=by.spread,
    )
    children = np.flatnonzero(known[layout.children]) + layout.children.start
    noise, rest = 1.0 / found.up[children], 1.0 / found.rest[children]
    steps = found.up_weighted[children] * noise - found.rest_weighted[children] * rest
    step, change = _fit(
        steps,
        noise + rest,
        mean=(_STEPS, guess.step),
        variance=(_STEPS, guess.change),
        believed=by.change,
    )
    least = _LEAST_STEP**2
    spread = max(spread, least * guess.spread)
    return Inheritance(draft, spread, step, max(change, least * spread))


def evidence(tree: ExperimentTree, noise: Noise, maps: Sequence[RungMap]) -> Evidence:
    """Return what each node's own measurements say.

    Only the highest rung counts: what a short run said is in the longer one already. Measurements
    of several seeds are combined by their precision.

    Args:
        tree: what was measured.
        noise: of full runs.
        maps: how to read each rung below the full one.

    Source: inverse-variance weighting; Cochran, "Problems Arising in the Analysis of a Series of
    Similar Experiments", 1937.
    """
    rung = np.asarray(tree.observed_rung)
    node = np.asarray(tree.observed_node).astype(np.intp)  # as indexing and counting want it
    counts = (rung == np.asarray(tree.rung)[node]) & (np.asarray(tree.observed_anew) == 1)
    counts &= (np.asarray(tree.stage)[node] == Stage.TOLD) & (node != ROOT)
    rung, node = rung[counts], node[counts]
    value = np.asarray(tree.observed_value)[counts]
    variance = noise.kept * np.asarray(tree.observed_variance)[counts] + noise.seed
    for number, one in enumerate(maps):
        at = rung == number
        value[at] = one.intercept + one.slope * value[at]
        variance[at] = one.residual
    precision = 1.0 / np.maximum(variance, 1e-12)
    count = len(tree)
    return Evidence(
        np.bincount(node, precision, minlength=count).astype(np.float64),
        np.bincount(node, precision * value, minlength=count).astype(np.float64),
    )


def _scale(drafts: Floats, best: float | None, noise: Noise) -> float:
    """Return what scores differ by: the largest of three guesses.

    Twice the robust deviation of fresh starts: the median distance from the median times 1.4826, so
    that a draft that learned nothing does not stretch it; fewer than 3 drafts say nothing of their
    spread yet. How far the best full run is above the median draft, less a deviation of the noise
    for its luck: where most fresh starts score alike, a recipe that works would not be believed
    otherwise. Twice the deviation of the noise.

    Args:
        drafts: score of each fresh start at its highest rung, in the metric's unit.
        best: highest score of a full run; None before there is one.
        noise: of full runs.

    Source: Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", 1993, equation 1.
    """
    luck = sqrt(noise.total)
    scale = max(2 * luck, 1e-3)
    if not len(drafts):
        return scale
    middle = float(np.median(drafts))
    if best is not None:
        scale = max(scale, best - luck - middle)
    if len(drafts) >= 3:
        scale = max(scale, 2 * 1.4826 * float(np.median(np.abs(drafts - middle))))
    return scale


def _fit(
    values: Floats,
    noises: Floats,
    *,
    mean: tuple[int, float],
    variance: tuple[int, float],
    believed: float,
) -> tuple[float, float]:
    """Return mean and variance of what lies under noisy values, each shrunk to a first guess.

    A value counts as ``believed / (believed + noise)`` of a measurement without noise, its square
    for the variance.

    Source: DerSimonian and Laird, "Meta-Analysis in Clinical Trials", 1986, equation 9, with
    weights as for known variances.
    """
    reach = _FARTHEST * np.sqrt(believed + noises)
    pseudo, guess = mean
    values = np.clip(values, guess - reach, guess + reach)
    weights = believed / (believed + noises)
    fitted = (pseudo * guess + float((weights * values).sum())) / (pseudo + float(weights.sum()))
    pseudo, guess = variance
    squares = float((weights**2 * ((values - fitted) ** 2 - noises)).sum())
    return fitted, max(0.0, (pseudo * guess + squares) / (pseudo + float((weights**2).sum())))
