"""What the tree counts, against counting it all again."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.branches import branches_of
from services.planner.tree import MAX_STALE, ExperimentTree, Failure, Observation, Stage
from shared.contracts.base import ROOT, ExperimentId

FAILED = (Stage.BROKEN, Stage.DIVERGED)
OVER = (Stage.TOLD, *FAILED)


def chain(length: int, *, rungs: int = 1) -> ExperimentTree:
    """A tree of experiments below one another, all under way."""
    tree = ExperimentTree(rungs)
    for node in range(length):
        tree.expand(ExperimentId(node))
    return tree


def seen(value: float, *, rung: int = 0, seed: int = 0, split: int = 0) -> Observation:
    return Observation(rung, value, 0.01, seed=seed, split=split)


def test_a_tree_begins_with_the_base_model_alone() -> None:
    tree = ExperimentTree()

    assert len(tree) == 1
    assert tree.may_grow(ROOT)
    assert not tree.is_full(ROOT)


def test_an_experiment_under_way_counts_at_its_parent() -> None:
    tree = chain(3)

    assert list(tree.running) == [0, 1, 1, 1]
    assert list(tree.pending) == [1, 1, 1, 0]
    assert list(tree.depth) == [0, 1, 2, 3]


def test_a_result_counts_up_to_the_root() -> None:
    tree = chain(3)

    assert tree.tell(ExperimentId(3), seen(0.7))

    assert list(tree.visits) == [1, 1, 1, 1]
    assert (list(tree.done), list(tree.pending)) == ([0, 0, 1, 0], [1, 1, 0, 0])
    assert tree.running[3] == 0


def test_a_result_told_again_changes_nothing() -> None:
    tree = chain(1)
    tree.tell(ExperimentId(1), seen(0.7))

    assert not tree.tell(ExperimentId(1), seen(0.9))

    assert (tree.value[1], tree.visits[0], len(tree.observed_node)) == (0.7, 1, 1)


def test_an_experiment_is_worth_the_mean_over_its_seeds_at_its_highest_rung() -> None:
    tree = chain(1, rungs=2)
    for one in (seen(0.9), seen(0.4, rung=1), seen(0.6, rung=1, seed=1), seen(0.1, seed=2)):
        tree.tell(ExperimentId(1), one)

    assert tree.is_full(1)
    assert tree.value[1] == pytest.approx(0.5)
    assert (tree.lowest, tree.highest) == pytest.approx((0.4, 0.9))


def test_another_look_at_the_same_run_ends_no_run_and_moves_no_value() -> None:
    tree = chain(1)
    tree.tell(ExperimentId(1), seen(0.7))
    tree.begin(ExperimentId(1))

    tree.tell(ExperimentId(1), seen(0.2, split=1))

    assert (tree.running[1], tree.value[1]) == (1, 0.7)
    assert list(tree.observed_anew) == [1, 0]


def test_a_run_is_counted_by_the_rows_searched_by_whichever_score_comes_first() -> None:
    tree = chain(1)
    tree.tell(ExperimentId(1), seen(0.2, split=1))

    tree.tell(ExperimentId(1), seen(0.7))

    assert list(tree.observed_anew) == [0, 1]
    assert (tree.running[1], tree.value[1]) == (0, 0.7)


def test_an_experiment_that_is_only_checked_has_no_value_to_search_by() -> None:
    tree = chain(1)

    tree.tell(ExperimentId(1), seen(0.2, split=1))

    assert (tree.stage[1], tree.rung[1]) == (Stage.TOLD, -1)


def test_a_result_that_comes_after_the_experiment_was_given_up_still_counts() -> None:
    tree = chain(1)
    tree.lose(ExperimentId(1))
    assert (tree.visits[0], tree.pending[0], tree.running[1]) == (0, 0, 0)

    tree.tell(ExperimentId(1), seen(0.7))

    assert (tree.stage[1], tree.visits[0], tree.done[0]) == (Stage.TOLD, 1, 1)


def test_a_failure_may_turn_out_to_be_a_result() -> None:
    tree = chain(2)
    tree.fail(ExperimentId(2), "diverged")
    assert (list(tree.failures), tree.diverged[1]) == ([1, 1, 1], 1)

    tree.tell(ExperimentId(2), seen(0.7))

    assert (list(tree.failures), tree.diverged[1]) == ([0, 0, 0], 0)
    assert (tree.visits[0], tree.done[1]) == (1, 1)


@pytest.mark.parametrize(("rung", "stage"), [(1, Stage.TOLD), (0, Stage.DIVERGED)])
def test_only_what_was_measured_in_full_survives_a_failure(rung: int, stage: Stage) -> None:
    tree = chain(1, rungs=2)
    tree.tell(ExperimentId(1), seen(0.7, rung=rung))
    tree.begin(ExperimentId(1))

    tree.fail(ExperimentId(1), "diverged")

    assert (tree.stage[1], tree.running[1]) == (stage, 0)
    assert tree.failures[0] == (stage != Stage.TOLD)


def test_proposals_in_a_row_that_bring_nothing_new_exhaust_a_node() -> None:
    tree = chain(1)
    tree.tell(ExperimentId(1), seen(0.5))
    for _ in range(MAX_STALE - 1):
        tree.drop(tree.expand(ExperimentId(1)))
    almost = tree.may_grow(1)

    tree.alias(tree.expand(ExperimentId(1)), ExperimentId(1))

    assert (almost, tree.may_grow(1)) == (True, False)


def test_something_new_below_a_node_makes_up_for_what_was_not() -> None:
    tree = chain(0)
    for _ in range(2):
        for _ in range(MAX_STALE - 1):
            tree.drop(tree.expand(ROOT))
        tree.tell(tree.expand(ROOT), seen(0.5))

    assert tree.may_grow(ROOT)


def test_a_failure_is_nothing_new() -> None:
    tree = chain(0)
    for _ in range(MAX_STALE):
        tree.fail(tree.expand(ROOT), "broken")
        tree.drop(tree.expand(ROOT))

    assert not tree.may_grow(ROOT)


def test_a_lost_run_says_nothing_of_the_node_it_was_proposed_below() -> None:
    tree = chain(0)
    for _ in range(MAX_STALE):
        tree.lose(tree.expand(ROOT))

    assert tree.may_grow(ROOT)
    assert (tree.done[0], tree.failures[0]) == (0, 0)


def test_an_alias_is_a_child_that_is_over_and_is_remembered_where_it_tells_something() -> None:
    tree = chain(3)  # 0 - 1 - 2 - 3
    again = [tree.expand(ExperimentId(parent)) for parent in (3, 1, 0)]

    for node in again:
        tree.alias(node, ExperimentId(2))

    assert tree.aliases == {2: [3]}  # it is a child of 1, and of the root all are alike
    assert [tree.done[n] for n in (3, 1, 0)] == [1, 1, 1]
    assert not any(tree.may_grow(node) for node in again)


def test_nothing_is_grown_below_what_is_not_measured() -> None:
    tree = chain(3)
    tree.fail(ExperimentId(2), "broken")
    tree.lose(ExperimentId(3))

    assert [tree.may_grow(node) for node in range(4)] == [True, False, False, False]


def test_family_is_found_from_either_end() -> None:
    tree = chain(2)
    younger = tree.expand(ExperimentId(1))

    assert list(tree.children(1)) == [younger, 2]
    assert list(tree.lineage(younger)) == [younger, 1, 0]
    assert list(tree.children(younger)) == []


def test_a_child_is_taken_to_cost_what_its_parent_does() -> None:
    tree = chain(1)
    tree.cost[1] = 2.5

    assert tree.cost[tree.expand(ExperimentId(1))] == 2.5


Act = tuple[str, int, int]
KINDS = ["expand", "tell", "broken", "diverged", "lose", "drop", "alias", "begin"]
ACTS = st.lists(
    st.tuples(
        st.sampled_from([*KINDS, "expand", "tell"]),
        st.integers(0, 30),
        st.integers(0, 11),
    ),
    max_size=40,
)


def carried_out(acts: list[Act], *, sane: bool) -> ExperimentTree:
    """A tree after anything at all; if sane, an alias has no runs and the root cannot fail."""
    tree = ExperimentTree(rungs=2)
    for act, at, other in acts:
        node = ExperimentId(at % len(tree))
        if sane and act != "expand" and (node == ROOT or tree.stage[node] == Stage.ALIAS):
            continue
        match act:
            case "expand":
                tree.expand(node)
            case "tell":
                tree.tell(
                    node, seen(at / 30, rung=other % 2, seed=other // 4, split=other // 2 % 2)
                )
            case "broken" | "diverged":
                how: Failure = "broken" if act == "broken" else "diverged"
                tree.fail(node, how)
            case "alias":
                tree.alias(node, ExperimentId(other % len(tree)))
            case "lose":
                tree.lose(node)
            case "drop":
                tree.drop(node)
            case "begin":
                tree.begin(node)
    return tree


@given(ACTS)
@settings(deadline=None, max_examples=150)
def test_no_count_is_ever_negative(acts: list[Act]) -> None:
    tree = carried_out(acts, sane=False)

    for column in (tree.pending, tree.running, tree.done, tree.visits, tree.stale):
        assert min(column) >= 0


@given(ACTS)
@settings(deadline=None, max_examples=150)
def test_every_count_is_what_counting_again_gives(acts: list[Act]) -> None:
    tree = carried_out(acts, sane=True)
    count = len(tree)
    children = [[c for c in range(1, count) if tree.parent[c] == n] for n in range(count)]
    below = [[d for d in range(count) if n in tree.lineage(d)] for n in range(count)]

    def number(nodes: list[int], *stages: Stage) -> int:
        return sum(node != ROOT and tree.stage[node] in stages for node in nodes)

    assert [sorted(tree.children(n)) for n in range(count)] == children
    assert list(tree.pending) == [number(nodes, Stage.ASKED) for nodes in children]
    assert list(tree.done) == [number(nodes, *OVER, Stage.ALIAS) for nodes in children]
    assert list(tree.diverged) == [number(nodes, Stage.DIVERGED) for nodes in children]
    assert list(tree.visits) == [number(nodes, *OVER) for nodes in below]
    assert list(tree.failures) == [number(nodes, *FAILED) for nodes in below]


@given(ACTS)
@settings(deadline=None, max_examples=100)
def test_every_value_is_what_its_measurements_give(acts: list[Act]) -> None:
    tree = carried_out(acts, sane=True)
    values: dict[int, float] = {}
    for node in range(len(tree)):
        own = [o for o in tree.observations(node) if tree.observed_split[o] == 0]
        top = max((tree.observed_rung[o] for o in own), default=-1)
        assert tree.rung[node] == top
        if own:
            same = [tree.observed_value[o] for o in own if tree.observed_rung[o] == top]
            values[node] = sum(same) / len(same)
            assert tree.value[node] == pytest.approx(values[node])

    branches = branches_of(tree)
    for node in range(len(tree)):
        below = [n for n in range(len(tree)) if node in tree.lineage(n)]
        known = [values[n] for n in below if n in values]
        assert branches.total[node] == pytest.approx(sum(known), abs=1e-9)
        assert branches.best[node] == pytest.approx(max(known, default=-math.inf))
        assert branches.in_flight[node] == sum(tree.running[n] for n in below)


@given(ACTS)
@settings(deadline=None, max_examples=100)
def test_every_run_counts_by_one_measurement(acts: list[Act]) -> None:
    tree = carried_out(acts, sane=True)
    runs: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for o, node in enumerate(tree.observed_node):
        run = (node, tree.observed_rung[o], tree.observed_seed[o])
        runs.setdefault(run, []).append((tree.observed_split[o], tree.observed_anew[o]))

    for looks in runs.values():
        assert [anew for _, anew in sorted(looks)] == [1, *[0] * (len(looks) - 1)]
