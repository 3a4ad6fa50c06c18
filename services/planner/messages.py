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

FEW = 25
"""Nodes a level up to which Python, node by node, is faster than numpy, level by level."""

Floats = NDArray[np.float64]


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
class Layout:
    """The nodes of a tree by depth, so that a level lies in one piece of memory.

    A node's *place* is where it stands in this order; the root's is 0.
    """

    order: NDArray[np.intp]
    """The node at each place."""
    above: NDArray[np.intp]
    """The place of the parent of the node at each place; -1 of the root."""
    levels: tuple[slice, ...]
    """Places of each depth, the root's first."""

    @property
    def drafts(self) -> slice:
        """Places of the fresh starts."""
        return slice(1, self.levels[1].stop if len(self.levels) > 1 else 1)

    @property
    def children(self) -> slice:
        """Places of what has a parent other than the root."""
        return slice(self.drafts.stop, len(self.order))


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The outcome of both sweeps, one number a place; the root's belief is 0."""

    up: Floats
    up_weighted: Floats
    """Precision, and precision times mean, of everything measured at or below the node."""
    sent: Floats
    sent_weighted: Floats
    """What that says of the parent; 0 of fresh starts."""
    rest: Floats
    rest_weighted: Floats
    """The same of what is known of the parent without this branch; 0 of fresh starts."""
    total: Floats
    weighted: Floats
    """The same of everything measured anywhere: the posterior."""


def layout_of(tree: ExperimentTree) -> Layout:
    """Return the order in which a tree is swept."""
    depth = np.asarray(tree.depth)
    if depth.max() < 2**15:
        depth = depth.astype(np.int16)  # numpy sorts these by radix, three times as fast
    order = np.argsort(depth, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    parent = np.asarray(tree.parent)[order]
    parent[0] = ROOT
    above = place[parent]
    above[0] = -1
    bounds = np.cumsum(np.bincount(depth)).tolist()
    return Layout(order, above, tuple(slice(a, b) for a, b in pairwise([0, *bounds])))


def sweep(layout: Layout, own: Floats, own_weighted: Floats, by: Inheritance) -> Sweeps:
    """Return what each node is believed to be worth, from what was measured of each itself.

    Args:
        layout: who derives from whom.
        own: precision of the own measurements of the node at each place, 0 without any.
        own_weighted: precision times mean of the same.
        by: how worth passes on.
    """
    if len(own) <= FEW * len(layout.levels):
        return _node_by_node(layout, own, own_weighted, by)
    return _level_by_level(layout, own, own_weighted, by)


def _node_by_node(layout: Layout, own: Floats, own_weighted: Floats, by: Inheritance) -> Sweeps:
    step, change = by.step, by.change
    count, first = len(own), layout.children.start
    above, up, up_weighted = layout.above.tolist(), own.tolist(), own_weighted.tolist()
    message, message_weighted = [0.0] * count, [0.0] * count
    for node in range(count - 1, first - 1, -1):
        shrink = 1.0 / (1.0 + up[node] * change)
        message[node] = sent = up[node] * shrink
        message_weighted[node] = sent_weighted = up_weighted[node] * shrink - sent * step
        up[above[node]] += sent
        up_weighted[above[node]] += sent_weighted
    down, down_weighted = 1.0 / by.spread, by.draft / by.spread
    total = [1.0, *(value + down for value in up[1:first])]
    weighted = [0.0, *(value + down_weighted for value in up_weighted[1:first])]
    rest, rest_weighted = [0.0] * first, [0.0] * first
    for node in range(first, count):
        known = total[above[node]] - message[node]
        known_weighted = weighted[above[node]] - message_weighted[node]
        rest.append(known)
        rest_weighted.append(known_weighted)
        shrink = 1.0 / (1.0 + known * change)
        total.append(up[node] + known * shrink)
        weighted.append(up_weighted[node] + (known_weighted + known * step) * shrink)
    columns = (up, up_weighted, message, message_weighted, rest, rest_weighted, total, weighted)
    return Sweeps(*(np.array(column) for column in columns))


def _level_by_level(layout: Layout, own: Floats, own_weighted: Floats, by: Inheritance) -> Sweeps:
    """Do what `_node_by_node` does. A message loses ``change`` on its way."""
    above, below = layout.above, layout.levels[2:]
    up, up_weighted = own.copy(), own_weighted.copy()
    message, message_weighted = np.zeros_like(up), np.zeros_like(up)
    for parents, level in reversed(tuple(zip(layout.levels[1:], below, strict=False))):
        shrink = 1.0 / (1.0 + up[level] * by.change)
        message[level] = up[level] * shrink
        message_weighted[level] = up_weighted[level] * shrink - message[level] * by.step
        to, count = above[level] - parents.start, parents.stop - parents.start
        up[parents] += np.bincount(to, message[level], minlength=count)
        up_weighted[parents] += np.bincount(to, message_weighted[level], minlength=count)
    rest, rest_weighted = np.zeros_like(up), np.zeros_like(up)
    total, weighted = up.copy(), up_weighted.copy()
    total[ROOT], weighted[ROOT] = 1.0, 0.0
    total[layout.drafts] += 1.0 / by.spread
    weighted[layout.drafts] += by.draft / by.spread
    for level in below:
        rest[level] = total[above[level]] - message[level]
        rest_weighted[level] = weighted[above[level]] - message_weighted[level]
        shrink = 1.0 / (1.0 + rest[level] * by.change)
        total[level] += rest[level] * shrink
        weighted[level] += (rest_weighted[level] + rest[level] * by.step) * shrink
    return Sweeps(up, up_weighted, message, message_weighted, rest, rest_weighted, total, weighted)
