"""The rules the search is compared with: each against its source, and all over one tree."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.policies import DRAFTS, greedy, random, rank_puct, sequential, uct
from services.planner.search import ExperimentSearch, SearchRules
from services.planner.tree import MAX_STALE, ExperimentTree, Observation
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import SearchMode

ALL = tuple(SearchMode)


def tree_of(*drafts: float, base: float | None = None) -> ExperimentTree:
    """Measured drafts, and the base model's score if given."""
    tree = ExperimentTree()
    if base is not None:
        tree.tell(ROOT, Observation(0, base, 0.01))
    for value in drafts:
        grow(tree, ROOT, value)
    return tree


def grow(tree: ExperimentTree, parent: int, value: float | None = None) -> ExperimentId:
    """Add a child, under way or measured."""
    node = tree.expand(ExperimentId(parent))
    if value is not None:
        tree.tell(node, Observation(0, value, 0.01))
    return node


def exhaust(tree: ExperimentTree, node: int) -> None:
    for _ in range(MAX_STALE):
        tree.drop(tree.expand(ExperimentId(node)))


def by_uct(tree: ExperimentTree, c: float = 0.25, *, mean: bool = False, width: int = 2) -> object:
    return uct(tree, exploration=c, backup="mean" if mean else "max", width=width)


def by_ranks(tree: ExperimentTree, c: float = 2.0) -> int | None:
    return rank_puct(tree, exploration=c)


def test_uct_begins_with_as_many_drafts_as_the_root_has_room_for() -> None:
    tree = ExperimentTree()

    for _ in range(2):
        assert by_uct(tree) == ROOT
        tree.expand(ROOT)

    assert by_uct(tree) is None  # and until one is told there is nowhere else


def test_the_room_of_a_node_grows_with_the_cube_root_of_its_visits() -> None:
    tree = tree_of(*[0.5] * 7)  # room for ceil(2 * 8^(1/3)), which is 4, or for 8

    assert by_uct(tree, width=2) != ROOT
    assert by_uct(tree, width=4) == ROOT


def test_children_that_failed_take_no_room() -> None:
    full, broken = tree_of(0.5, 0.6, 0.7, 0.8), tree_of(0.5, 0.6, 0.7)
    broken.fail(broken.expand(ROOT), "broken")
    broken.lose(broken.expand(ROOT))

    assert by_uct(full) != ROOT
    assert by_uct(broken) == ROOT


def test_uct_goes_down_to_the_highest_reward_and_bonus() -> None:
    tree = tree_of(0.0, 0.8, 0.4, 0.1)
    for value in (0.6, 0.7):
        grow(tree, 2, value)
    visits, reward = {2: 3, 3: 1}, {2: (0.8 + 0.6 + 0.7) / 3 / 0.8, 3: 0.4 / 0.8}

    def index(node: int, c: float) -> float:
        return reward[node] + c * math.sqrt(math.log(6) / visits[node])

    assert index(2, 0.6) > index(3, 0.6)
    assert index(2, 0.8) < index(3, 0.8)
    assert [by_uct(tree, c, mean=True) for c in (0.0, 0.6, 0.8)] == [2, 2, 3]


def test_a_branch_is_worth_its_best_or_the_mean_of_all_of_it() -> None:
    tree = tree_of(0.5, 0.7, 0.0, 0.1)
    for value in (0.9, 0.1):
        grow(tree, 1, value)

    assert by_uct(tree, 0.0) == 1
    assert by_uct(tree, 0.0, mean=True) == 2


def test_a_failure_earns_nothing() -> None:
    tree = tree_of(0.6, 0.5, 0.0, 0.1)
    assert by_uct(tree, 0.0, mean=True) == 1

    tree.fail(tree.expand(ExperimentId(1)), "broken")

    assert by_uct(tree, 0.0, mean=True) == 2


@pytest.mark.parametrize(("mean", "c"), [(False, 0.25), (True, 0.25), (True, 0.0)])
def test_runs_under_way_count_as_visits_that_earned_nothing(mean: bool, c: float) -> None:
    tree = tree_of(0.6, 0.59, 0.0, 0.1)
    assert by_uct(tree, c, mean=mean) == 1

    grow(tree, 1)

    assert by_uct(tree, c, mean=mean) == 2


def test_runs_under_way_in_one_branch_make_the_rarely_tried_others_more_promising() -> None:
    tree = tree_of(0.0, 0.8, 0.4, 0.1)
    for value in (0.6, 0.7):
        grow(tree, 2, value)
    assert by_uct(tree, 0.62, mean=True) == 2  # N is 6

    for _ in range(4):
        grow(tree, 4)

    assert by_uct(tree, 0.62, mean=True) == 3  # N is 10


def test_where_the_best_branch_is_exhausted_uct_tries_the_next() -> None:
    tree = tree_of(0.9, 0.5, 0.0, 0.1)
    exhaust(tree, 1)

    assert by_uct(tree, 0.0) == 2


def test_scores_that_are_all_equal_are_no_reason_to_stop() -> None:
    assert by_uct(tree_of(0.5, 0.5, 0.5, 0.5)) == 1


def test_ranks_begin_with_five_drafts() -> None:
    tree = ExperimentTree()

    for _ in range(DRAFTS):
        assert by_ranks(tree) == ROOT
        tree.expand(ROOT)

    assert by_ranks(tree) is None


def test_ranks_weigh_the_place_against_the_number_of_children() -> None:
    tree = tree_of(0.1, 0.2, 0.3, 0.4, 0.5)
    for _ in range(3):
        grow(tree, 5)
    c, asked, told = 2.0, 8, 5
    index = {
        node: rank / (told - 1) + c * math.sqrt(asked) / (told * (1 + children))
        for node, rank, children in ((3, 2, 0), (4, 3, 0), (5, 4, 3))
    }
    assert max(index, key=lambda k: index[k]) == 4

    assert by_ranks(tree, c) == 4
    assert by_ranks(tree, 0.0) == 5


def test_the_base_model_has_no_rank() -> None:
    assert by_ranks(tree_of(0.1, 0.2, 0.3, 0.4, 0.5, base=0.9), 0.0) == 5


@given(st.lists(st.integers(0, 9), min_size=5, max_size=12), st.integers(1, 3))
@settings(deadline=None, max_examples=50)
def test_ranks_care_for_the_order_of_scores_alone(tenths: list[int], power: int) -> None:
    plain, bent = (
        tree_of(*[(n / 10) ** exponent for n in tenths]) for exponent in (1, 2 * power + 1)
    )

    assert by_ranks(plain) == by_ranks(bent)


def test_greedy_drafts_five_and_then_grows_the_best_whatever_grew_from_it() -> None:
    tree = tree_of(0.1, 0.6, 0.3, 0.6)
    assert greedy(tree) == ROOT
    grow(tree, ROOT, 0.2)

    for _ in range(4):
        assert greedy(tree) == 2  # of equals the older
        grow(tree, 2, 0.1)


def test_greedy_starts_afresh_while_nothing_beats_the_base_model() -> None:
    assert greedy(tree_of(*[0.1] * 5, base=0.5)) == ROOT


@pytest.mark.parametrize("rule", [greedy, by_ranks])
def test_a_proposer_without_more_drafts_does_not_stop_a_rule_that_wants_five(rule: object) -> None:
    tree = tree_of(0.4, 0.6)
    exhaust(tree, ROOT)

    assert callable(rule)
    assert rule(tree) == 2


def test_ranks_start_afresh_where_nothing_can_be_grown() -> None:
    tree = tree_of(0.1, 0.2, 0.3, 0.4, 0.5)
    for node in range(1, 6):
        exhaust(tree, node)

    assert by_ranks(tree) == ROOT


def test_a_sequence_goes_on_below_its_last_experiment_that_worked() -> None:
    tree = ExperimentTree()
    assert sequential(tree) == ROOT
    grow(tree, ROOT, 0.9)
    grow(tree, 1, 0.1)
    assert sequential(tree) == 2

    tree.fail(grow(tree, 2), "broken")

    assert sequential(tree) == 2


def test_a_sequence_waits_for_what_is_under_way() -> None:
    tree = tree_of(0.5)
    grow(tree, 1)

    assert sequential(tree) is None


def test_random_always_starts_afresh_until_nothing_is_new() -> None:
    tree = tree_of(0.9, 0.1)
    assert random(tree) == ROOT

    exhaust(tree, ROOT)

    assert random(tree) is None


def searching(mode: SearchMode, exploration: float | None = None) -> ExperimentSearch:
    """Five drafts of which the second is best, its child better still and its other child poor."""
    rules = SearchRules(mode=mode, exploration=exploration, budget=6, seed_deviation=0.02)
    search = ExperimentSearch(rules)
    search.tell(ROOT, Observation(0, 0.05, 0.0004))
    for value in (0.50, 0.58, 0.56, 0.53, 0.48):
        search.tell(search.expand(ROOT), Observation(0, value, 0.0004))
    for value in (0.60, 0.45):
        search.tell(search.expand(ExperimentId(2)), Observation(0, value, 0.0004))
    return search


def asked(search: ExperimentSearch) -> int:
    choice = search.ask()
    assert choice is not None
    return choice.terms.node


def test_each_rule_chooses_in_its_own_way_over_the_same_tree() -> None:
    assert {mode.value: asked(searching(mode)) for mode in ALL} == {
        "posterior": 6,  # the highest belief, and no children yet
        "rank_puct": 6,  # the highest rank, and no children yet
        "uct": 3,  # a branch nearly as good as the best, and more rarely tried
        "greedy": 6,  # the best score
        "sequential": 7,  # the last
        "random": ROOT,
    }


@pytest.mark.parametrize("mode", ALL)
def test_asking_changes_nothing(mode: SearchMode) -> None:
    search = searching(mode)

    assert search.ask() == search.ask()


@pytest.mark.parametrize("mode", ["posterior", "rank_puct", "uct"])
def test_workers_side_by_side_are_sent_to_different_places(mode: str) -> None:
    search = searching(SearchMode(mode))

    places = []
    for _ in range(8):
        places.append(asked(search))
        search.expand(ExperimentId(places[-1]))

    assert len(set(places)) >= 3


def test_workers_side_by_side_all_grow_the_best_by_greed_and_one_at_a_time_in_a_sequence() -> None:
    greedily, one_by_one = searching(SearchMode.GREEDY), searching(SearchMode.SEQUENTIAL)

    for _ in range(3):
        assert asked(greedily) == 6
        greedily.expand(ExperimentId(6))
    one_by_one.expand(ExperimentId(asked(one_by_one)))

    assert one_by_one.ask() is None


@pytest.mark.parametrize("mode", ALL)
def test_every_rule_waits_or_ends_where_nothing_can_be_grown(mode: SearchMode) -> None:
    search = searching(mode)
    for node in range(len(search.tree)):
        for _ in range(MAX_STALE):
            search.drop(search.expand(ExperimentId(node)))

    assert search.ask() is None


def test_the_exploration_is_what_the_job_says_or_the_default() -> None:
    uct, ranks = SearchMode.UCT, SearchMode.RANK_PUCT
    weights = (0.0, 0.25, 2.0, 10.0)

    assert len({asked(searching(uct, c)) for c in weights}) > 1
    assert asked(searching(uct)) == asked(searching(uct, 0.25))
    assert asked(searching(ranks)) == asked(searching(ranks, 2.0))
