"""Two sweeps over a tree, node by node and level by level, and what a branch adds to its parent."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner import messages
from services.planner.messages import Inheritance, layout_of, sweep
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


def test_parents_stand_before_their_children_a_level_at_a_time() -> None:
    tree = grown(200, Random(0))
    layout = layout_of(tree)

    assert sorted(layout.order) == list(range(201))
    for depth, level in enumerate(layout.levels):
        assert {tree.depth[node] for node in layout.order[level]} == {depth}
    parents = [tree.parent[node] for node in layout.order[1:]]
    assert list(layout.order[layout.above[1:]]) == parents
    assert {place for place in range(1, 201) if parents[place - 1] == ROOT} == {
        *range(layout.drafts.start, layout.drafts.stop)
    }
    assert layout.children == slice(layout.drafts.stop, 201)


def test_a_tree_of_the_root_alone_has_neither_drafts_nor_children() -> None:
    layout = layout_of(ExperimentTree())

    assert (layout.drafts, layout.children) == (slice(1, 1), slice(1, 1))
    assert sweep(layout, np.zeros(1), np.zeros(1), BY).weighted.tolist() == [0.0]


@pytest.mark.parametrize("count", [0, 1, 2, 30, 1000])
def test_level_by_level_finds_what_node_by_node_does(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = Random(count)
    layout = layout_of(grown(count, rng))
    own, weighted = measured(count, rng)

    monkeypatch.setattr(messages, "FEW", 0)
    together = sweep(layout, own, weighted, BY)
    monkeypatch.setattr(messages, "FEW", 1001)
    alone = sweep(layout, own, weighted, BY)

    for name in ("up", "up_weighted", "rest", "rest_weighted", "total", "weighted"):
        np.testing.assert_allclose(getattr(together, name), getattr(alone, name), rtol=1e-9)


@given(st.randoms(use_true_random=False), st.integers(2, 12))
@settings(deadline=None, max_examples=60)
def test_what_is_known_of_a_parent_without_a_branch_is_what_the_tree_without_it_says(
    rng: Random, count: int
) -> None:
    tree = grown(count, rng)
    own, weighted = measured(count, rng)
    layout = layout_of(tree)
    found = sweep(layout, own, weighted, BY)

    for place in range(layout.children.start, count + 1):
        child = layout.order[place]
        cut = np.array([child in tree.lineage(node) for node in layout.order])
        without = sweep(layout, np.where(cut, 0, own), np.where(cut, 0, weighted), BY)
        parent = layout.above[place]
        assert found.rest[place] == pytest.approx(without.total[parent], rel=1e-6)
        expected = pytest.approx(without.weighted[parent], rel=1e-6, abs=1e-6)
        assert found.rest_weighted[place] == expected
