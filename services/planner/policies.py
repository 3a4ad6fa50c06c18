"""The rules that `posterior` is compared with, over the same tree. Pure.

Each returns the node to grow below, or None when every place to grow waits for a result.
"""

import math

import numpy as np

from services.planner.branches import Branches, branches_of
from services.planner.tree import NONE, ExperimentTree, Stage
from shared.contracts.base import ROOT
from shared.contracts.job import Backup

DRAFTS = 5
"""Fresh starts before `greedy` and `rank_puct` only improve (Jiang et al., "AIDE", 2025)."""

WIDENING = 1 / 3
"""Exponent of progressive widening. With width 2 a search of ten begins with four fresh drafts."""


def uct(tree: ExperimentTree, *, exploration: float, backup: Backup, width: int) -> int | None:
    """Descend from the root to a node with room, by ``Q + c * sqrt(ln N / n)``.

    Rewards are scaled so that those seen span [0, 1]; a failed run earned 0. Experiments under way
    count as visits that earned nothing, so parallel workers spread out.

    Source: UCT, Kocsis and Szepesvari, ECML 2006, section 2; counting what is under way, the
    virtual loss of Chaslot et al., Computers and Games 2008; progressive widening, Coulom, 2007.
    """
    below = branches_of(tree)
    tried = [over + more for over, more in zip(tree.visits, below.in_flight, strict=True)]

    def index(node: int, parent: int) -> float:
        bonus = math.sqrt(math.log(max(tried[parent], 1)) / tried[node])
        return _reward(tree, below, node, backup) + exploration * bonus

    waiting = [int(ROOT)]
    while waiting:
        node = waiting.pop()
        if tree.may_grow(node) and _has_room(tree, node, width):
            return node
        ranked = [(index(child, node), -child) for child in tree.children(node) if tried[child]]
        waiting.extend(-child for _, child in sorted(ranked))  # the most promising is next
    return None


def _reward(tree: ExperimentTree, below: Branches, node: int, backup: Backup) -> float:
    """Return what a branch earned, in [0, 1]: its best, or the mean of all its experiments."""
    spread = tree.highest - tree.lowest
    succeeded = tree.visits[node] - tree.failures[node]
    if spread <= 0 or not succeeded:
        return 0.5 if succeeded else 0.0
    if backup == "max":
        return (below.best[node] - tree.lowest) / spread
    earned = (below.total[node] - succeeded * tree.lowest) / spread
    return earned / (tree.visits[node] + below.in_flight[node])


def _has_room(tree: ExperimentTree, node: int, width: int) -> bool:
    """Whether ``children < width * visits^WIDENING``; children that failed do not count."""
    gone = (Stage.BROKEN, Stage.DIVERGED, Stage.DROPPED)
    alive = sum(tree.stage[child] not in gone for child in tree.children(node))
    room = math.ceil(width * math.pow(tree.visits[node] + 1, WIDENING))
    return alive < room


def rank_puct(tree: ExperimentTree, *, exploration: float) -> int | None:
    """After `DRAFTS` fresh starts, the node of highest ``rank + c * sqrt(N) / (T * (1 + n))``.

    ``rank`` is a node's place among the T measured ones, from 0 for the worst to 1 for the best;
    ``n`` counts its children, ``N`` all experiments asked for. Ranks do not care for the metric's
    scale or for outliers.

    Source: predictor UCT, Silver et al., "Mastering the Game of Go without Human Knowledge", 2017;
    on ranks over all nodes as in Aygün et al., 2025, arXiv 2509.06503.
    """
    if tree.may_grow(ROOT) and not has_drafts(tree, DRAFTS):
        return int(ROOT)
    told = np.flatnonzero((np.asarray(tree.stage) == Stage.TOLD) & (np.asarray(tree.rung) >= 0))
    told = told[told != ROOT]
    if not len(told):
        return None
    order = np.argsort(np.argsort(np.asarray(tree.value)[told], kind="stable"), kind="stable")
    rank = order / max(1, len(told) - 1)
    children = (np.asarray(tree.done) + np.asarray(tree.pending))[told]
    asked = len(tree) - 1
    index = rank + exploration * math.sqrt(asked) / (len(told) * (1 + children))
    for place in np.argsort(-index, kind="stable"):
        if tree.may_grow(int(told[place])):
            return int(told[place])
    return _draft(tree)


def greedy(tree: ExperimentTree) -> int | None:
    """`DRAFTS` fresh starts, then always below the best: greedy best-first search."""
    if tree.may_grow(ROOT) and not has_drafts(tree, DRAFTS):
        return int(ROOT)
    grown = [node for node in range(len(tree)) if tree.rung[node] >= 0 and tree.may_grow(node)]
    return max(grown, key=lambda node: (tree.value[node], -node), default=None)


def sequential(tree: ExperimentTree) -> int | None:
    """Below the last experiment that did not fail, once it is over: one chain."""
    if any(tree.running):
        return None
    grown = [node for node in range(len(tree)) if tree.may_grow(node)]
    return max(grown, default=None)


def random(tree: ExperimentTree) -> int | None:
    """Always a fresh start: what a search is worth that learns nothing from its tree."""
    return _draft(tree)


def has_drafts(tree: ExperimentTree, count: int) -> bool:
    """Whether so many fresh starts are under way or did not fail; looks at no more than needed."""
    gone = (Stage.BROKEN, Stage.DIVERGED, Stage.DROPPED, Stage.ALIAS)
    child = tree.last_child[ROOT]
    while count and child != NONE:
        count -= tree.stage[child] not in gone
        child = tree.older_sibling[child]
    return count == 0


def _draft(tree: ExperimentTree) -> int | None:
    return int(ROOT) if tree.may_grow(ROOT) else None
