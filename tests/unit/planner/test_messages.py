"""Two sweeps over a tree, node by node and level by level, and what a branch adds to its parent."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.messages import FEW, Inheritance, levels_of, rest_of_parent, sweep
from services.planner.tree import ExperimentTree
from shared.contracts.base import ROOT, ExperimentId

BY = Inheritance(draft=0.5, spread=0.04, step=-0.02, change=0.01)


def grown(count: int, rng: Random) -> ExperimentTree:
    """A tree in which every node is as likely to be a parent."""
    tree = ExperimentTree()
    for node in range(count):
        tree.expand(ExperimentId(rng.randrange(node + 1)))
    return tree


def measured(count: int, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Precision, and precision times mean, of three quarters of the nodes; the root has none."""
    own = np.array([0.0, *(rng.choice([0.0, 1.0, 30.0, 1e6]) for _ in range(count))])
    return own, own * np.array([0.0, *(rng.random() for _ in range(count))])


def test_a_large_tree_is_swept_by_levels_and_a_small_one_is_not() -> None:
    levels = levels_of(grown(FEW, Random(0)))

    assert levels_of(grown(FEW - 1, Random(0))) is None
    assert levels is not None
    assert sorted(np.concatenate(levels)) == list(range(1, FEW + 1))


@pytest.mark.parametrize("seed", range(3))
def test_level_by_level_finds_what_node_by_node_does(seed: int) -> None:
    rng = Random(seed)
    tree = grown(FEW, rng)
    own, weighted = measured(FEW, rng)

    together = sweep(tree, levels_of(tree), own, weighted, BY)
    alone = sweep(tree, None, own, weighted, BY)

    for name in ("up", "up_weighted", "total", "weighted"):
        np.testing.assert_allclose(getattr(together, name), getattr(alone, name), rtol=1e-9)


@given(st.randoms(use_true_random=False), st.integers(2, 12))
@settings(deadline=None, max_examples=60)
def test_what_is_known_of_a_parent_without_a_branch_is_what_the_tree_without_it_says(
    rng: Random, count: int
) -> None:
    tree = grown(count, rng)
    own, weighted = measured(count, rng)
    children = np.array([n for n in range(1, count + 1) if tree.parent[n] != ROOT], np.intp)
    found = sweep(tree, None, own, weighted, BY)

    rest, rest_weighted = rest_of_parent(tree, children, found, BY)

    for place, child in enumerate(children):
        cut = np.array([child in tree.lineage(node) for node in range(count + 1)])
        without = sweep(tree, None, np.where(cut, 0, own), np.where(cut, 0, weighted), BY)
        parent = tree.parent[child]
        assert rest[place] == pytest.approx(without.total[parent], rel=1e-6)
        assert rest_weighted[place] == pytest.approx(without.weighted[parent], rel=1e-6, abs=1e-6)
