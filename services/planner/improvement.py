"""How promising each possible act is: expected improvement for its cost. Pure.

One index for every act, so that a fresh start, a child of any experiment and a longer run of a
short one compete on one scale. The same formulas stand here twice: over all nodes at once, and for
one node between two refreshes.

Source of expected improvement: Jones, Schonlau and Welch, "Efficient Global Optimization of
Expensive Black-Box Functions", 1998, equation 15. Of dividing it by a power of the cost: Lee et
al., "Cost-aware Bayesian Optimization", 2020, arXiv 2003.10870.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from services.planner.posterior import Posterior
from services.planner.prior import Prior
from services.planner.tree import MAX_STALE, ExperimentTree, Stage

COST_POWER = 0.5
"""Weight of an act's cost; with 1 cheap acts win too often, with 0 cost counts for nothing."""

CROWD_POWER = 0.5
"""Weight of the children a node has already; those under way count in full, so that workers spread
out over the tree."""

WIDENING = 3.0
"""Children a node may have for each square root of the experiments at or below it."""

_SIBLINGS = 3  # measured children after which their mean counts as much as the tree's
_TRUST = 2  # children after which a proposer's opinion of a node counts half
_SUCCESSES, _FAILURES = 9, 1  # runs of a first guess at how often a run works

Floats = NDArray[np.float64]
ActKind = Literal["draft", "expand", "promote"]

_SQRT2, _SQRT2PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)
NEVER = -1.0
"""Index of what cannot be done."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """What all indexes of one moment share."""

    bar: float
    """Expected score of the best experiment so far, in the metric's unit."""

    cheapest: float
    """Share of a full run that a new experiment is first given, in (0, 1]."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An act with everything its index was made of."""

    kind: ActKind
    node: int
    """The parent of a child to be asked for; the root for a draft; the experiment to promote."""
    index: float
    value: float
    """Expected full score of what the act would give, in the metric's unit."""
    deviation: float
    """Standard deviation of that score."""
    cost: float
    """In mean full runs."""
    pending: int
    """Acts of the same kind at the same node that are not over yet."""


def expected_improvement(value: float, deviation: float, bar: float) -> float:
    """Return by how much ``N(value, deviation^2)`` is expected to pass the bar, never below 0."""
    if deviation <= 0.0:
        return max(0.0, value - bar)
    u = (value - bar) / deviation
    passed = deviation * (u * 0.5 * math.erfc(-u / _SQRT2) + math.exp(-0.5 * u * u) / _SQRT2PI)
    return passed if passed > 0.0 else 0.0


def draft_terms(tree: ExperimentTree, prior: Prior, stakes: Stakes) -> Terms:
    """Return the terms of a fresh start: ``EI / (1 + pending) / cheapest^(0.5 * COST_POWER)``."""
    deviation = math.sqrt(prior.spread)
    index = NEVER
    if tree.may_grow(0):
        improvement = expected_improvement(prior.draft, deviation, stakes.bar)
        index = improvement / (1 + tree.pending[0]) / stakes.cheapest ** (0.5 * COST_POWER)
    return Terms("draft", 0, index, prior.draft, deviation, stakes.cheapest, tree.pending[0])


def expand_terms(
    tree: ExperimentTree, belief: Posterior, prior: Prior, stakes: Stakes, node: int
) -> Terms:
    """Return the terms of one more child of a node.

    ``index = pi * p * EI / ((1 + d)^CROWD_POWER * (1 + w) * (c * sqrt(cheapest))^COST_POWER)``,
    where ``d`` children are over and ``w`` under way; ``pi`` is the proposer's opinion, fading with
    ``d + w``; ``p`` the share of runs below the node that worked, with 9 of 10 as a first guess.

    A short run is grown only when it says as much of its recipe as a full run of its parent would:
    else it has the parent's expectation with more doubt and no children yet, and a chain of short
    runs would be grown in the dark.
    """
    index, value, deviation = _next_child(tree, belief, prior, stakes, node)
    cost = tree.cost[node] * stakes.cheapest
    return Terms("expand", node, index, value, deviation, cost, tree.pending[node])


def promote_terms(tree: ExperimentTree, belief: Posterior, stakes: Stakes, node: int) -> Terms:
    """Return the terms of training a node longer: ``EI / c^COST_POWER``; once at a time."""
    index = _promote_index(tree, belief, stakes, node)
    value, deviation = belief.mean[node], math.sqrt(belief.variance[node])
    return Terms("promote", node, index, value, deviation, tree.cost[node], tree.running[node])


def best_terms(
    tree: ExperimentTree, belief: Posterior, prior: Prior, stakes: Stakes, node: int
) -> Terms:
    """Return the terms of the act of highest index at a node: one more child, or a longer run."""
    child = expand_terms(tree, belief, prior, stakes, node)
    if _promote_index(tree, belief, stakes, node) > child.index:
        return promote_terms(tree, belief, stakes, node)
    return child


def node_index(
    tree: ExperimentTree, belief: Posterior, prior: Prior, stakes: Stakes, node: int
) -> float:
    """Return the highest index of the acts at a node."""
    index, _, _ = _next_child(tree, belief, prior, stakes, node)
    longer = _promote_index(tree, belief, stakes, node)
    return longer if longer > index else index


def _next_child(
    tree: ExperimentTree, belief: Posterior, prior: Prior, stakes: Stakes, node: int
) -> tuple[float, float, float]:
    """Return index, mean and deviation of what the node's next child should score.

    The child is expected at the node's mean plus a step plus ``b``, what this node's children were
    better than that so far; one that diverged counts as two deviations worse.
    """
    measured, diverged, change = belief.measured_children[node], tree.diverged[node], prior.change
    value = expected = belief.mean[node] + prior.step
    if measured or diverged:
        better = belief.sum_children[node] - measured * expected
        better -= 2.0 * math.sqrt(change) * diverged
        value = expected + better / (measured + diverged + _SIBLINGS)
    deviation = math.sqrt(belief.variance[node] + change)
    done, pending, over = tree.done[node], tree.pending[node], tree.visits[node]
    k, known = done + pending, belief.own_precision[node]
    if (
        known <= 0.0
        or not tree.may_grow(node)
        or not (tree.is_full(node) or known >= _precision_to_grow(prior))
        or (k >= 3 and k >= math.ceil(WIDENING * math.sqrt(1 + over)))
    ):
        return NEVER, value, deviation
    index = expected_improvement(value, deviation, stakes.bar)
    index *= 1.0 + (tree.prior[node] - 1.0) * _TRUST / (_TRUST + k)
    index *= (_SUCCESSES + over - tree.failures[node]) / (_SUCCESSES + _FAILURES + over)
    cost = math.pow(stakes.cheapest, 0.5 * COST_POWER) * math.pow(tree.cost[node], COST_POWER)
    return index / (math.pow(1 + done, CROWD_POWER) * (1 + pending) * cost), value, deviation


def _precision_to_grow(prior: Prior) -> float:
    """Return the precision from which a short run is grown, in 1 over the metric's unit squared.

    That with which a full run of the parent would foretell this recipe: a change away, and noisy.
    """
    return 1.0 / (prior.change + prior.noise.total)


def _promote_index(tree: ExperimentTree, belief: Posterior, stakes: Stakes, node: int) -> float:
    if tree.running[node] or not tree.may_go_on(node):
        return NEVER
    deviation = math.sqrt(belief.variance[node])
    improvement = expected_improvement(belief.mean[node], deviation, stakes.bar)
    return improvement / math.pow(tree.cost[node], COST_POWER)


def all_indexes(tree: ExperimentTree, belief: Posterior, prior: Prior, stakes: Stakes) -> Floats:
    """Return what `node_index` does, of every node; the root's is `NEVER`."""
    index = np.full(len(tree), NEVER)
    told, rung = np.asarray(tree.stage) == Stage.TOLD, np.asarray(tree.rung)
    told[0] = False
    known = np.asarray(belief.own_precision)
    grow = told & (known > 0.0) & (np.asarray(tree.stale) < MAX_STALE)
    grow &= (rung == tree.rungs - 1) | (known >= _precision_to_grow(prior))
    at = np.flatnonzero(grow)
    k = np.asarray(tree.done)[at] + np.asarray(tree.pending)[at]
    at = at[k < np.maximum(3, np.ceil(WIDENING * np.sqrt(1 + np.asarray(tree.visits)[at])))]
    index[at] = _expand_indexes(tree, belief, prior, stakes, at)
    if tree.rungs > 1:
        short = told & (rung >= 0) & (rung < tree.rungs - 1) & (np.asarray(tree.running) == 0)
        at = np.flatnonzero(short & (np.asarray(tree.settled) == 0))
        longer = _improvements(
            np.asarray(belief.mean)[at], np.sqrt(np.asarray(belief.variance)[at]), stakes.bar
        )
        longer /= np.asarray(tree.cost)[at] ** COST_POWER
        index[at] = np.maximum(index[at], longer)
    return index


def _expand_indexes(
    tree: ExperimentTree,
    belief: Posterior,
    prior: Prior,
    stakes: Stakes,
    at: NDArray[np.intp],
) -> Floats:
    """Return the indexes of one more child of each node at ``at``."""
    done, pending = np.asarray(tree.done)[at], np.asarray(tree.pending)[at]
    over, failures = np.asarray(tree.visits)[at], np.asarray(tree.failures)[at]
    expected = np.asarray(belief.mean)[at] + prior.step
    measured, diverged = np.asarray(belief.measured_children)[at], np.asarray(tree.diverged)[at]
    better = np.asarray(belief.sum_children)[at] - measured * expected
    better -= 2.0 * math.sqrt(prior.change) * diverged
    value = expected + better / (measured + diverged + _SIBLINGS)
    deviation = np.sqrt(np.asarray(belief.variance)[at] + prior.change)
    index = _improvements(value, deviation, stakes.bar)
    index *= 1.0 + (np.asarray(tree.prior)[at] - 1.0) * _TRUST / (_TRUST + done + pending)
    index *= (_SUCCESSES + over - failures) / (_SUCCESSES + _FAILURES + over)
    crowd = (1 + done) ** CROWD_POWER * (1 + pending)
    cheapest = stakes.cheapest ** (0.5 * COST_POWER)
    found: Floats = index / (crowd * cheapest * np.asarray(tree.cost)[at] ** COST_POWER)
    return found


def _improvements(value: Floats, deviation: Floats, bar: float) -> Floats:
    u = (value - bar) / deviation
    density = np.exp(-0.5 * u * u) / _SQRT2PI
    improvement: Floats = np.maximum(0.0, deviation * (u * ndtr(u) + density))
    return improvement
