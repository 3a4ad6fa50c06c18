"""What a short run says about the full one: a map learned from the runs that did both. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.planner.tree import ExperimentTree

CALIBRATED = 3
"""Fresh starts that go to full fidelity whatever they score, so that the map is known early."""

FEWEST_PAIRS = 8
"""Pairs after which a rung that ranks badly is given up."""

LEAST_RANK = 0.3
"""Rank correlation below which a rung is given up."""

_SLOPE_PAIRS = 3
_SLOPES = (0.5, 1.5)
_RESIDUAL_PAIRS = 3
_FIRST_DOUBT = 0.15  # of a full score foreseen from a short run, in units of the scale
_NOISIER = {1: 1.3, 2: 1.8}  # a third, a ninth of a run: deviations in units of a full run's

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RungMap:
    """Foresees a full score: ``intercept + slope * score``, give or take ``residual`` (variance).

    A rung that misleads has a large residual, so that what it says weighs little.
    """

    intercept: float
    slope: float
    residual: float
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
        short = _by_node(tree, rung)
        both = np.isfinite(short) & np.isfinite(full)
        doubt = noise * _NOISIER.get(tree.rungs - 1 - rung, 2.5) ** 2 + (_FIRST_DOUBT * scale) ** 2
        maps.append(_fit(short[both], full[both], scale=scale, doubt=doubt, spread=spread))
    return maps


def _fit(short: Floats, full: Floats, *, scale: float, doubt: float, spread: float) -> RungMap:
    """Ridge regression towards ``full = short``, and how far off it is.

    ``slope = (w * scale^2 + Sxy) / (w * scale^2 + Sxx)`` with ``w = 3`` pairs of the prior; the
    residual variance is ``(3 * doubt + sum of squares) / (3 + pairs)``.
    """
    pairs = len(short)
    if not pairs:
        return RungMap(0.0, 1.0, doubt, trusted=True)
    x, y = short - short.mean(), full - full.mean()
    weight = _SLOPE_PAIRS * scale**2
    slope = (weight + float(x @ y)) / (weight + float(x @ x)) if weight else 1.0
    slope = min(_SLOPES[1], max(_SLOPES[0], slope))
    off = full - slope * short
    intercept = float(off.sum()) / (pairs + 1)
    squares = float(((off - intercept) ** 2).sum())
    residual = (_RESIDUAL_PAIRS * doubt + squares) / (_RESIDUAL_PAIRS + pairs)
    misleads = pairs >= FEWEST_PAIRS and (
        rank_correlation(short, full) < LEAST_RANK or residual > spread
    )
    return RungMap(intercept, slope, residual, trusted=not misleads)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's correlation, in [-1, 1]; 0 when one of them never changes.

    Source: Spearman, "The Proof and Measurement of Association between Two Things", 1904; ties get
    their mean rank.
    """
    x, y = _centred_ranks(a), _centred_ranks(b)
    spread = float(x @ x) * float(y @ y)
    return float(x @ y) / math.sqrt(spread) if spread else 0.0


def _centred_ranks(values: Floats) -> Floats:
    """Return twice the ranks, less their mean."""
    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(ranks - len(values), np.float64)


def _by_node(tree: ExperimentTree, rung: int) -> Floats:
    """Return each node's mean score at a rung on the rows searched by; NaN where there is none."""
    chosen = (np.asarray(tree.observed_rung) == rung) & (np.asarray(tree.observed_split) == 0)
    node = np.asarray(tree.observed_node)[chosen]
    count = np.bincount(node, minlength=len(tree))
    total = np.bincount(node, np.asarray(tree.observed_value)[chosen], minlength=len(tree))
    mean: Floats = np.divide(total, count, out=np.full(len(tree), np.nan), where=count > 0)
    return mean
