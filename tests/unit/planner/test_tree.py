import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.tree import DRAFTS, MAX_STALE, ExperimentTree
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import SearchMode


def tree_with_base(reward: float = 0.2, *, exploration: float = 0.25) -> ExperimentTree:
    tree = ExperimentTree(exploration=exploration, width=2)
    tree.tell(ROOT, reward)
    return tree


def grow(tree: ExperimentTree) -> ExperimentId:
    choice = tree.ask()
    assert choice is not None
    return tree.expand(choice.parent)


def test_nothing_grows_before_the_base_model_is_scored() -> None:
    assert ExperimentTree(exploration=0.25, width=2).ask() is None


def test_asking_changes_nothing() -> None:
    tree = tree_with_base()

    assert tree.ask() == tree.ask()
    assert list(tree.nodes) == [ROOT]


def test_the_search_begins_with_drafts_of_the_base_model() -> None:
    tree = tree_with_base()

    first, second = grow(tree), grow(tree)

    assert tree.nodes[ROOT].children == [first, second]
    assert tree.ask() is None  # both wait to be told


def test_the_better_draft_grows_once_the_root_is_full() -> None:
    tree = tree_with_base()
    for reward in (0.3, 0.8, 0.4, 0.35):
        tree.tell(grow(tree), reward)

    choice = tree.ask()

    assert choice is not None
    assert choice.parent == ExperimentId(2)
    assert "0.800" in choice.why


def test_a_failed_experiment_grows_no_children() -> None:
    tree = tree_with_base()
    tree.tell(grow(tree), 0.0, failed=True)
    for _ in range(MAX_STALE):
        tree.drop(grow(tree))  # so that the failed one is the only other place

    assert tree.ask() is None


def test_telling_twice_counts_once() -> None:
    tree = tree_with_base()
    node = grow(tree)

    tree.tell(node, 0.7)
    tree.tell(node, 0.9)

    assert (tree.nodes[ROOT].visits, tree.nodes[node].reward) == (2, 0.7)


def test_a_reward_outside_its_range_is_refused() -> None:
    tree = tree_with_base()

    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got 1.2"):
        tree.tell(grow(tree), 1.2)


def test_parallel_experiments_spread_over_branches() -> None:
    tree = tree_with_base()
    for reward in (0.50, 0.49, 0.48, 0.47):
        tree.tell(grow(tree), reward)

    parents = [tree.nodes[grow(tree)].parent for _ in range(4)]

    assert len(set(parents)) >= 3


def test_a_dropped_experiment_is_no_visit_and_a_place_that_brings_nothing_new_is_left_alone() -> (
    None
):
    tree = tree_with_base()

    for _ in range(MAX_STALE):
        tree.drop(grow(tree))

    assert (tree.nodes[ROOT].visits, tree.nodes[ROOT].in_flight) == (1, 0)
    assert tree.ask() is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=60))
def test_every_told_experiment_is_counted_once_at_the_root(
    steps: list[tuple[float, bool, bool]],
) -> None:
    tree = tree_with_base()
    told = 1
    waiting: list[ExperimentId] = []
    for reward, failed, tell_now in steps:
        if tree.ask() is not None:
            waiting.append(grow(tree))
        if waiting and tell_now:
            tree.tell(waiting.pop(0), 0.0 if failed else reward, failed=failed)
            told += 1

    root = tree.nodes[ROOT]
    assert root.visits == told
    assert root.in_flight == len(waiting)
    assert all(node.in_flight >= 0 for node in tree.nodes.values())


def searching(mode: SearchMode) -> ExperimentTree:
    tree = ExperimentTree(exploration=0.25, width=2, mode=mode)
    tree.tell(ROOT, 0.2)
    return tree


def test_a_random_search_only_ever_starts_afresh() -> None:
    tree = searching(SearchMode.RANDOM)

    for reward in (0.3, 0.9, 0.1, 0.5, 0.4, 0.6, 0.2):
        tree.tell(grow(tree), reward)

    assert {node.parent for node in tree.nodes.values()} == {None, ROOT}


def test_a_greedy_search_drafts_and_then_improves_only_the_best() -> None:
    tree = searching(SearchMode.GREEDY)
    drafts = [grow(tree) for _ in range(DRAFTS)]
    for draft, reward in zip(drafts, (0.3, 0.6, 0.5, 0.4, 0.1), strict=True):
        tree.tell(draft, reward)

    first, second = grow(tree), grow(tree)
    tree.tell(first, 0.7)
    tree.tell(second, 0.9, failed=True)

    assert {tree.nodes[node].parent for node in drafts} == {ROOT}
    assert [tree.nodes[node].parent for node in (first, second, grow(tree))] == [
        drafts[1],
        drafts[1],
        first,
    ]


def test_a_greedy_search_turns_to_the_next_best_when_the_best_has_nothing_new() -> None:
    tree = searching(SearchMode.GREEDY)
    drafts = [grow(tree) for _ in range(DRAFTS)]
    for draft, reward in zip(drafts, (0.3, 0.6, 0.5, 0.4, 0.1), strict=True):
        tree.tell(draft, reward)

    for _ in range(MAX_STALE):
        tree.drop(grow(tree))

    assert tree.nodes[grow(tree)].parent == drafts[2]


def test_a_sequential_search_is_one_chain_that_waits_for_its_last_link() -> None:
    tree = searching(SearchMode.SEQUENTIAL)

    first = grow(tree)
    assert tree.ask() is None
    tree.tell(first, 0.1)
    failed = grow(tree)
    tree.tell(failed, 0.0, failed=True)
    third = grow(tree)

    assert [tree.nodes[node].parent for node in (first, failed, third)] == [ROOT, first, first]
