"""What a short run says about the full one: a map learned from the runs that did both. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.planner.tree import ExperimentTree, Stage
from shared.contracts.base import ROOT

GO_ON = 3
"""At least one in so many runs that reached a rung goes on to the next, whatever it promises: a
rung that misleads is found out only by those that go on."""

FEWEST_PAIRS = 8
"""Pairs after which a rung that ranks badly is given up."""

LEAST_CORRELATION = 0.3
"""Correlation with the full score below which a rung is given up."""

_PRIOR_RUNS = 3  # runs, or pairs of runs, that each first guess counts as
_SLOPES = (0.0, 1.5)
_FIRST_DOUBT = 0.15  # of a full score foreseen from a short run, in units of the scale
_NOISIER = {1: 1.3, 2: 1.8}  # a third, a ninth of a run: deviations in units of a full run's
_LEAST_SHARE = 0.01  # of a full score's variance that a rung is taken to explain, to stay finite

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RungMap:
    """Reads a short run as a measurement: ``intercept + slope * score``, with a variance.

    A rung that misleads has a large variance, so that what it says weighs little.
    """

    intercept: float
    slope: float
    residual: float
    """Variance of the measurement, in squares of the metric's unit."""
    trusted: bool
    """False once enough pairs have shown that the rung ranks recipes badly."""


def learn_maps(tree: ExperimentTree, *, noise: float, scale: float, spread: float) -> list[RungMap]:
    """Return the map of each rung below the full one, the cheapest first.

    Args:
        tree: what was measured.
        noise: variance of a full run's score, in squares of the metric's unit.
        scale: what scores differ by, in the metric's unit.
        spread: variance of fresh starts, in squares of the metric's unit.
    """
    full = _by_node(tree, tree.rungs - 1)
    maps = []
    for rung in range(tree.rungs - 1):
        doubt = noise * _NOISIER.get(tree.rungs - 1 - rung, 2.5) ** 2 + (_FIRST_DOUBT * scale) ** 2
        maps.append(_fit(_by_node(tree, rung), full, doubt=doubt, spread=spread, noise=noise))
    return maps


def _fit(short: Floats, full: Floats, *, doubt: float, spread: float, noise: float) -> RungMap:
    """Return how to read short scores, given by node with NaN where there is none.

    Full scores are regressed on short ones, ``full = a + b * short`` give or take ``r^2``, because
    who goes on is chosen by the short score, which does not bend this regression. Ridge towards
    short scores that are full ones with ``doubt`` added, with the weight of 3 pairs. With the
    variance ``S^2`` of all short scores, the chosen and the others, the squared correlation is
    ``R = b^2 S^2 / (b^2 S^2 + r^2)``. The posterior shrinks towards what else is known by itself;
    the measurement it is given must therefore not be shrunk already: it is ``a + b * mean``
    and ``b / R`` for each unit that a score is off the mean, with a variance of ``r^2 / R``.

    Source: linear calibration, Osborne, "Statistical Calibration: A Review", 1991, section 2; the
    correlation of all from the chosen, Thorndike, "Personnel Selection", 1949, case 2.
    """
    measured = short[np.isfinite(short)]
    both = np.isfinite(short) & np.isfinite(full)
    x, y = short[both], full[both]
    pairs = len(x)
    reliable = spread / (spread + doubt)
    x_mean = float(measured.mean()) if len(measured) else 0.0
    squares = float(((measured - x_mean) ** 2).sum())
    x_variance = (_PRIOR_RUNS * (spread + doubt) + squares) / (_PRIOR_RUNS + len(measured))
    slope, shift, residual = reliable, 0.0, reliable * doubt
    if pairs:
        dx, dy = x - x.mean(), y - y.mean()
        weight = _PRIOR_RUNS * (spread + doubt)
        slope = (weight * reliable + float((dx * dy).sum())) / (weight + float((dx * dx).sum()))
        slope = min(_SLOPES[1], max(_SLOPES[0], slope))
        off = y - x_mean - slope * (x - x_mean)
        shift = float(off.sum()) / (pairs + 1)
        squares = float(((off - shift) ** 2).sum())
        seen = max(0.0, squares / pairs - noise) * pairs  # of what a recipe is worth, without luck
        residual = (_PRIOR_RUNS * residual + seen) / (_PRIOR_RUNS + pairs)
    explained = slope**2 * x_variance
    share = max(_LEAST_SHARE, explained / (explained + residual)) if explained else _LEAST_SHARE
    return RungMap(
        intercept=x_mean + shift - slope / share * x_mean,
        slope=slope / share,
        residual=residual / share,
        trusted=pairs < FEWEST_PAIRS or math.sqrt(share) >= LEAST_CORRELATION,
    )


def due(tree: ExperimentTree, mean: Floats) -> list[int]:
    """Return the nodes that are to go on to their next rung whatever they promise, best first.

    Of every rung as many as `GO_ON` wants.

    Args:
        tree: what was measured and is under way.
        mean: expected full score of each node.
    """
    rung, running = np.asarray(tree.rung), np.asarray(tree.running) > 0
    settled = np.asarray(tree.settled) > 0
    alive = (np.asarray(tree.stage) == Stage.TOLD) & (rung >= 0)
    alive[ROOT] = False
    found: list[int] = []
    for at in range(tree.rungs - 1):
        reached = int((alive & (rung >= at)).sum())
        went_on = int((alive & ((rung > at) | ((rung == at) & running))).sum())
        lacking = reached // GO_ON - went_on
        if lacking > 0:
            ready = np.flatnonzero(alive & (rung == at) & ~running & ~settled)
            best = ready[np.argsort(-mean[ready], kind="stable")]
            found += [int(node) for node in best[:lacking]]
    return found


def _by_node(tree: ExperimentTree, rung: int) -> Floats:
    """Return each node's mean score at a rung on the rows searched by; NaN where there is none."""
    chosen = (np.asarray(tree.observed_rung) == rung) & (np.asarray(tree.observed_split) == 0)
    node = np.asarray(tree.observed_node)[chosen].astype(np.intp)
    count = np.bincount(node, minlength=len(tree))
    total = np.bincount(node, np.asarray(tree.observed_value)[chosen], minlength=len(tree))
    mean: Floats = np.divide(total, count, out=np.full(len(tree), np.nan), where=count > 0)
    return mean
