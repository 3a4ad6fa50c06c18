"""Passes what is known of each node to its neighbours: the two sweeps behind posterior and prior.

A belief is held as precision and precision times mean, so that knowing nothing is precision zero.

Source: belief propagation on a tree, Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988,
section 7.2; for wavelet-like Gaussian trees, Chou, Willsky and Benveniste, 1994.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.planner.tree import ExperimentTree
from shared.contracts.base import ROOT

FEW = 1000
"""Nodes up to which Python, node by node, is faster than numpy, level by level."""

Floats = NDArray[np.float64]
Levels = list[NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """How worth passes on: a draft is ``N(draft, spread)``, a child ``N(parent + step, change)``.

    In the metric's unit; `spread` and `change` are variances.
    """

    draft: float
    spread: float
    step: float
    change: float


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The outcome of both sweeps, one number a node; the root's belief is 0."""

    up: Floats
    up_weighted: Floats
    """Precision, and precision times mean, of everything measured at or below the node."""
    total: Floats
    weighted: Floats
    """The same of everything measured anywhere: the posterior."""


def levels_of(tree: ExperimentTree) -> Levels | None:
    """Return the nodes of each depth below the root, drafts first; None of a tree of a `FEW`."""
    if len(tree) <= FEW:
        return None
    depth = np.asarray(tree.depth)
    if depth.max() < 2**15:
        depth = depth.astype(np.int16)  # numpy sorts these by radix, three times as fast
    order = np.argsort(depth, kind="stable")
    bounds = np.searchsorted(depth[order], np.arange(1, depth.max() + 2))
    return [order[a:b] for a, b in pairwise(bounds)]


def sweep(
    tree: ExperimentTree, levels: Levels | None, own: Floats, own_weighted: Floats, by: Inheritance
) -> Sweeps:
    """Return what each node is believed to be worth, from what was measured of each itself.

    Args:
        tree: who derives from whom.
        levels: of the tree, see `levels_of`.
        own: precision of each node's own measurements, 0 without any.
        own_weighted: precision times mean of the same.
        by: how worth passes on.
    """
    if levels is None:
        return _node_by_node(tree, own, own_weighted, by)
    up, up_weighted = _upward(tree, levels, own, own_weighted, by)
    total, weighted = _downward(tree, levels, up, up_weighted, by)
    return Sweeps(up, up_weighted, total, weighted)


def _node_by_node(
    tree: ExperimentTree, own: Floats, own_weighted: Floats, by: Inheritance
) -> Sweeps:
    """Do what `_upward` and `_downward` do; a node has a higher number than its parent."""
    parent, step, change = tree.parent, by.step, by.change
    up, up_weighted = own.tolist(), own_weighted.tolist()
    for node in range(len(up) - 1, 0, -1):
        above = parent[node]
        if above != ROOT:
            shrink = 1.0 / (1.0 + up[node] * change)
            up[above] += up[node] * shrink
            up_weighted[above] += (up_weighted[node] - up[node] * step) * shrink
    total, weighted = [1.0], [0.0]
    for node in range(1, len(up)):
        above = parent[node]
        down, down_weighted = 1.0 / by.spread, by.draft / by.spread
        if above != ROOT:
            shrink = 1.0 / (1.0 + up[node] * change)
            rest = total[above] - up[node] * shrink
            rest_weighted = weighted[above] - (up_weighted[node] - up[node] * step) * shrink
            shrink = 1.0 / (1.0 + rest * change)
            down, down_weighted = rest * shrink, (rest_weighted + rest * step) * shrink
        total.append(up[node] + down)
        weighted.append(up_weighted[node] + down_weighted)
    return Sweeps(*(np.array(column) for column in (up, up_weighted, total, weighted)))


def _upward(
    tree: ExperimentTree, levels: Levels, own: Floats, own_weighted: Floats, by: Inheritance
) -> tuple[Floats, Floats]:
    """Return what is measured at or below each node; a message loses ``change`` on its way up."""
    up, weighted = own.copy(), own_weighted.copy()
    parent = np.asarray(tree.parent)
    for level in reversed(levels[1:]):
        shrink = 1.0 / (1.0 + up[level] * by.change)
        message = up[level] * shrink
        np.add.at(up, parent[level], message)
        np.add.at(weighted, parent[level], weighted[level] * shrink - message * by.step)
    return up, weighted


def _downward(
    tree: ExperimentTree, levels: Levels, up: Floats, up_weighted: Floats, by: Inheritance
) -> tuple[Floats, Floats]:
    """Return precision, and precision times mean, of the posterior; the root's mean is 0."""
    total, weighted = up.copy(), up_weighted.copy()
    total[ROOT], weighted[ROOT] = 1.0, 0.0
    if levels:
        total[levels[0]] += 1.0 / by.spread
        weighted[levels[0]] += by.draft / by.spread
    for level in levels[1:]:
        rest, rest_weighted = _rest(tree, level, up, up_weighted, total, weighted, by)
        shrink = 1.0 / (1.0 + rest * by.change)
        total[level] += rest * shrink
        weighted[level] += rest_weighted * shrink + rest * shrink * by.step
    return total, weighted


def rest_of_parent(
    tree: ExperimentTree, nodes: NDArray[np.intp], found: Sweeps, by: Inheritance
) -> tuple[Floats, Floats]:
    """Return what is known of the nodes' parents without what their own branch says.

    Precision, and precision times mean.
    """
    return _rest(tree, nodes, found.up, found.up_weighted, found.total, found.weighted, by)


def _rest(
    tree: ExperimentTree,
    nodes: NDArray[np.intp],
    up: Floats,
    up_weighted: Floats,
    total: Floats,
    weighted: Floats,
    by: Inheritance,
) -> tuple[Floats, Floats]:
    above = np.asarray(tree.parent)[nodes]
    shrink = 1.0 / (1.0 + up[nodes] * by.change)
    rest = total[above] - up[nodes] * shrink
    return rest, weighted[above] - (up_weighted[nodes] - up[nodes] * by.step) * shrink
