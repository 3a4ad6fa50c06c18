"""What every experiment is believed to be worth, given all that was measured anywhere in the tree.

The model: a draft is ``N(draft, spread)``, a child ``N(parent + step, change)``, a measurement
``N(worth, noise)``. On a tree, messages from the leaves to the root and back give the posterior of
every node exactly and in linear time. A lucky score with four poor children is pulled down, a poor
score with a good child is pulled up.

Messages hold precision and precision times mean, so that no information is precision zero.

Source: belief propagation on a tree, Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988,
section 7.2; for wavelet-like Gaussian trees, Chou, Willsky and Benveniste, 1994.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from services.planner.messages import Layout, sweep
from services.planner.prior import Evidence, Prior
from services.planner.tree import ExperimentTree
from shared.contracts.base import ROOT

MOVED = 0.01
"""What moves a belief: such a share of a deviation, or of a variance, of what is expected of the
node's next child."""

Floats = NDArray[np.float64]


class Posterior:
    """A belief about each node of a tree. `refresh` is exact; `update` keeps one branch current."""

    def __init__(self) -> None:
        self.own_precision = array("d", [0.0])
        self.own_weighted = array("d", [0.0])
        """Precision times mean of the node's own measurements."""
        self.up_precision = array("d", [0.0])
        self.up_weighted = array("d", [0.0])
        """The same of everything measured at or below the node."""
        self.sent_precision = array("d", [0.0])
        self.sent_weighted = array("d", [0.0])
        """What its parent was told that this says of the parent."""
        self.mean = array("d", [0.0])
        """Expected full score; of nodes not measured, what their parent makes likely."""
        self.variance = array("d", [0.0])
        self.sum_children = array("d", [0.0])
        """Sum of the means of measured children, aliases included."""
        self.measured_children = array("i", [0])

    def append(self, mean: float, variance: float) -> None:
        """Make room for a new node, of which only its parent is known."""
        for zeros in (
            self.own_precision,
            self.own_weighted,
            self.up_precision,
            self.up_weighted,
            self.sent_precision,
            self.sent_weighted,
            self.sum_children,
        ):
            zeros.append(0.0)
        self.mean.append(mean)
        self.variance.append(variance)
        self.measured_children.append(0)

    def refresh(self, tree: ExperimentTree, layout: Layout, prior: Prior, read: Evidence) -> None:
        """Compute every belief from all measurements, in two passes over the levels of the tree."""
        order = layout.order
        own, weighted = read.precision[order], read.weighted[order]
        found = sweep(layout, own, weighted, prior.inheritance)
        np.asarray(self.own_precision)[:] = read.precision
        np.asarray(self.own_weighted)[:] = read.weighted
        np.asarray(self.up_precision)[order] = found.up
        np.asarray(self.up_weighted)[order] = found.up_weighted
        np.asarray(self.sent_precision)[order] = found.sent
        np.asarray(self.sent_weighted)[order] = found.sent_weighted
        np.asarray(self.mean)[order] = found.weighted / found.total
        np.asarray(self.variance)[order] = 1.0 / found.total
        self._count_children(tree)

    def update(self, tree: ExperimentTree, prior: Prior, node: int) -> list[int]:
        """Take in what was newly measured at a node other than the root.

        It is told from parent to parent for as long as it moves their beliefs by `MOVED`; what is
        held back is told with the next that comes the same way. Cousins, and who is not told, keep
        what they were believed to be until the next `refresh`.

        Returns:
            The node and its ancestors up to the first that was not moved, or to the draft.
        """
        self._take_in(tree, prior, node)
        path, moved = self._send_up(tree, prior, node)
        self._send_down(tree, prior, path, moved)
        return path

    def is_measured(self, node: int) -> bool:
        """Whether a node has measurements of its own."""
        return self.own_precision[node] > 0.0

    def _take_in(self, tree: ExperimentTree, prior: Prior, node: int) -> None:
        precision, weighted = _own(tree, prior, node)
        if precision > 0.0 and not self.is_measured(node):
            for parent in (tree.parent[node], *tree.aliases.get(node, ())):
                self.measured_children[parent] += 1
                self.sum_children[parent] += self.mean[node]
        self.up_precision[node] += precision - self.own_precision[node]
        self.up_weighted[node] += weighted - self.own_weighted[node]
        self.own_precision[node], self.own_weighted[node] = precision, weighted

    def _send_up(self, tree: ExperimentTree, prior: Prior, node: int) -> tuple[list[int], int]:
        """Tell parent after parent; return who was looked at, and how many of them moved."""
        up, up_weighted = self.up_precision, self.up_weighted
        sent, sent_weighted = self.sent_precision, self.sent_weighted
        step, change = prior.step, prior.change
        path = [node]
        while (parent := tree.parent[node]) != ROOT:
            path.append(parent)
            precision = up[node]
            shrink = 1.0 / (1.0 + precision * change)
            message, weighted = precision * shrink, (up_weighted[node] - precision * step) * shrink
            more, more_weighted = message - sent[node], weighted - sent_weighted[node]
            variance = self.variance[parent]
            shift = (more_weighted - more * self.mean[parent]) * variance
            surer, doubt = more * variance * variance, variance + change
            if shift * shift <= MOVED * MOVED * doubt and abs(surer) <= MOVED * doubt:
                return path, len(path) - 1
            sent[node], sent_weighted[node] = message, weighted
            up[parent] += more
            up_weighted[parent] += more_weighted
            node = parent
        return path, len(path)

    def _send_down(self, tree: ExperimentTree, prior: Prior, path: list[int], moved: int) -> None:
        """Down the path to all that moved: what the rest of the tree says about each."""
        step, change = prior.step, prior.change
        if moved < len(path):
            total = 1.0 / self.variance[path[moved]]
            weighted = self.mean[path[moved]] * total
        for place in range(moved - 1, -1, -1):
            node = path[place]
            if place == len(path) - 1:
                down, down_weighted = 1.0 / prior.spread, prior.draft / prior.spread
            else:
                rest, rest_weighted = (
                    total - self.sent_precision[node],
                    weighted - self.sent_weighted[node],
                )
                shrink = 1.0 / (1.0 + rest * change)
                down, down_weighted = rest * shrink, (rest_weighted + rest * step) * shrink
            total = self.up_precision[node] + down
            weighted = self.up_weighted[node] + down_weighted
            mean = weighted / total
            if self.is_measured(node):
                for parent in (tree.parent[node], *tree.aliases.get(node, ())):
                    self.sum_children[parent] += mean - self.mean[node]
            self.mean[node], self.variance[node] = mean, 1.0 / total

    def _count_children(self, tree: ExperimentTree) -> None:
        mean, known = np.asarray(self.mean), np.asarray(self.own_precision) > 0.0
        nodes = np.flatnonzero(known)
        parents = np.asarray(tree.parent)[nodes].astype(np.intp)
        again = [(of, parent) for of, others in tree.aliases.items() for parent in others]
        if again:
            of, others = np.array([pair for pair in again if known[pair[0]]], int).reshape(-1, 2).T
            nodes, parents = np.concatenate([nodes, of]), np.concatenate([parents, others])
        sums = np.bincount(parents, mean[nodes], minlength=len(tree))
        np.asarray(self.sum_children)[:] = sums
        np.asarray(self.measured_children)[:] = np.bincount(parents, minlength=len(tree))


def _own(tree: ExperimentTree, prior: Prior, node: int) -> tuple[float, float]:
    """Return precision, and precision times mean, of a node's own measurements; see `evidence`."""
    precision = weighted = 0.0
    top = tree.rung[node]
    for o in tree.observations(node):
        if tree.observed_rung[o] != top or not tree.observed_anew[o]:
            continue
        value = tree.observed_value[o]
        if top == tree.rungs - 1:
            variance = prior.noise.kept * tree.observed_variance[o] + prior.noise.seed
        else:
            value = prior.maps[top].intercept + prior.maps[top].slope * value
            variance = prior.maps[top].residual
        weight = 1.0 / max(variance, 1e-12)
        precision += weight
        weighted += weight * value
    return precision, weighted
