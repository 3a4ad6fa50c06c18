"""When a search stops, whom it checks and whom it hands back."""

import math

import pytest

from services.planner.finish import (
    Check,
    Ending,
    Over,
    Spending,
    Wait,
    believed,
    delivered,
    finalists,
    next_step,
    reserve,
)
from services.planner.search import Choice, ExperimentSearch, SearchRules
from services.planner.tree import Observation
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Deliverable

NOISE = 0.05


def searched(*values: float, budget: float = 50.0) -> ExperimentSearch:
    """A search whose every experiment is a draft with that score."""
    search = ExperimentSearch(SearchRules(budget=budget, seed_deviation=NOISE))
    for value in values:
        search.tell(search.expand(ROOT), Observation(0, value, 0.02**2))
    return search


def spent(runs: float, *, of: float = 50.0, in_flight: int = 0) -> Spending:
    return Spending(of, runs, in_flight)


SPREAD = (0.1, 0.2, 0.3, 0.4, 0.5, 0.9)


def test_within_the_budget_the_search_goes_on() -> None:
    assert isinstance(next_step(searched(*SPREAD), spent(6), Ending()), Choice)


def test_checks_begin_only_when_nothing_is_in_flight() -> None:
    search = searched(*SPREAD)

    assert next_step(search, spent(50, in_flight=1), Ending()) == Wait()
    assert isinstance(next_step(search, spent(50), Ending()), Check)


def test_a_small_budget_keeps_nothing_back() -> None:
    search = searched(*SPREAD)

    assert reserve(search, 10, Ending("recipe")) == 0
    assert 0 < reserve(search, 30, Ending("recipe")) < reserve(search, 100, Ending("recipe")) <= 12


def test_checking_checkpoints_costs_no_run() -> None:
    assert reserve(searched(*SPREAD), 100, Ending("checkpoint")) == 0


def test_without_rows_to_check_on_the_search_ends_when_the_budget_does() -> None:
    over = next_step(searched(*SPREAD), spent(50), Ending(can_check=False))

    assert over == Over("all 50 experiments of the budget are done")


def test_every_finalist_is_checked_once_as_a_checkpoint() -> None:
    search = searched(*(0.1 * n for n in range(10)))
    checked = []
    while isinstance(step := next_step(search, spent(50), Ending()), Check):
        assert not step.anew
        checked.append(step.node)
        search.tell(step.node, Observation(0, 0.5, 0.02**2, split=1))

    assert sorted(checked) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert isinstance(step, Over)


def test_finalists_of_a_recipe_are_trained_again_until_the_reserve_is_spent() -> None:
    search, runs, checked = searched(*SPREAD, budget=100), 94.0, []
    ending = Ending("recipe")
    while isinstance(step := next_step(search, spent(runs, of=100), ending), Check):
        assert step.anew
        checked.append(step.node)
        runs += 1
        search.begin(step.node)
        search.tell(step.node, Observation(0, 0.5, 0.02**2, seed=len(checked), split=1))

    assert runs == 100
    assert len(set(checked[:4])) == 4


def test_a_finalist_whose_check_failed_is_not_asked_for_again() -> None:
    search = searched(*SPREAD)
    first = next_step(search, spent(50), Ending())
    assert isinstance(first, Check)

    second = next_step(search, spent(50), Ending(uncheckable=frozenset({first.node})))

    assert isinstance(second, Check)
    assert second.node != first.node


def test_a_winner_whose_check_disappoints_loses() -> None:
    search = searched(0.2, 0.3, 0.80, 0.81)
    assert delivered(search, "checkpoint") == 4

    search.tell(finalists(search, "checkpoint")[0], Observation(0, 0.6, 0.02**2, split=1))

    assert delivered(search, "checkpoint") == 3


def test_luck_is_worth_something_to_a_checkpoint_and_nothing_to_a_recipe() -> None:
    """A high score among low ones: a recipe is pulled back further than the weights are."""
    search = searched(0.30, 0.31, 0.29, 0.30, 0.60)

    assert believed(search, delivered(search, "recipe") or ROOT, "recipe") < 0.58
    assert believed(search, delivered(search, "checkpoint") or ROOT, "checkpoint") > 0.59


def test_before_anything_is_measured_there_is_nothing_to_hand_back() -> None:
    assert delivered(searched(), "checkpoint") is None


@pytest.mark.parametrize("deliver", ["checkpoint", "recipe"])
def test_short_runs_are_handed_back_only_while_there_are_no_full_ones(
    deliver: Deliverable,
) -> None:
    search = ExperimentSearch(SearchRules(rungs=(1 / 3, 1.0), seed_deviation=NOISE))
    first, second = search.expand(ROOT), search.expand(ROOT)
    search.tell(first, Observation(0, 0.3, 0.02**2))
    search.tell(second, Observation(0, 0.6, 0.02**2))
    early = delivered(search, deliver)

    search.begin(first)
    search.tell(first, Observation(1, 0.4, 0.02**2))

    assert (early, delivered(search, deliver)) == (second, first)


def with_short(*values: float, in_full: tuple[float, ...] = ()) -> ExperimentSearch:
    """Drafts that were trained for a ninth, and others that went all the way."""
    rules = SearchRules(rungs=(1 / 9, 1 / 3, 1.0), budget=2.0, seed_deviation=NOISE)
    search = ExperimentSearch(rules)
    for value in values:
        search.tell(search.expand(ROOT), Observation(0, value, 0.02**2))
    for value in in_full:
        node = search.expand(ROOT)
        for rung in range(3):
            search.tell(node, Observation(rung, value, 0.02**2))
    return search


AT_THE_END = 2 - 8 / 9
"""Full runs after which, of 2, one that was trained for a ninth can just be made full."""


def test_before_the_budget_ends_the_most_promising_short_run_is_made_full() -> None:
    search, runs = with_short(0.1, 0.5), AT_THE_END

    while not search.tree.is_full(2):
        step = next_step(search, spent(runs, of=2), Ending(smallest_gain=0))
        assert isinstance(step, Choice)
        assert (step.terms.kind, step.terms.node) == ("promote", 2)
        assert step.why == "so that one run is made in full"
        runs += search.cost_of(step.terms)
        search.begin(ExperimentId(2))
        search.tell(ExperimentId(2), Observation(search.tree.rung[2] + 1, 0.5, 0.02**2))

    assert runs == pytest.approx(2)


def test_while_it_goes_on_nothing_else_is_begun_that_could_not_be_paid_for_beside_it() -> None:
    search = with_short(0.1, 0.5)

    search.begin(ExperimentId(2))  # to a third of a run

    begun = AT_THE_END + 2 / 9
    assert next_step(search, spent(begun, of=2, in_flight=1), Ending(smallest_gain=0)) == Wait()
    richer = next_step(search, spent(begun - 1, of=2, in_flight=1), Ending(smallest_gain=0))
    assert isinstance(richer, Choice)
    assert richer.why != "so that one run is made in full"


def test_once_it_is_on_its_last_part_the_rest_of_the_budget_is_free() -> None:
    search = with_short(0.1, 0.5)
    search.tell(ExperimentId(2), Observation(1, 0.5, 0.02**2))

    search.begin(ExperimentId(2))  # to a whole run, which is counted as spent

    step = next_step(search, spent(2 - 1 / 3, of=2, in_flight=1), Ending(smallest_gain=0))
    assert isinstance(step, Choice)
    assert step.terms.node != 2 or step.terms.kind == "expand"


@pytest.mark.parametrize("in_full", [(), (0.2,)])
def test_nothing_is_kept_back_for_a_full_run_before_its_time_or_once_there_is_one(
    in_full: tuple[float, ...],
) -> None:
    search = with_short(0.1, 0.5, in_full=in_full)
    runs = AT_THE_END if in_full else 2 / 9

    step = next_step(search, spent(runs, of=2), Ending(smallest_gain=0))

    assert isinstance(step, Choice)
    assert step.why != "so that one run is made in full"


def test_a_target_that_is_reached_with_certainty_ends_the_search() -> None:
    search = searched(0.1, 0.2, 0.9, 0.9)

    assert isinstance(next_step(search, spent(4), Ending(target=0.95)), Choice)
    assert isinstance(next_step(search, spent(4), Ending(target=0.5)), Check)


def checked_until_over(search: ExperimentSearch, runs: float, ending: Ending) -> str:
    """Why a search is said to be over once its finalists are checked."""
    for _ in range(20):
        step = next_step(search, spent(runs), ending)
        if isinstance(step, Over):
            return step.why
        assert isinstance(step, Check)
        search.tell(step.node, Observation(0, 0.9, 0.02**2, split=1))
    raise AssertionError("still checking")


def test_why_a_search_ended_is_not_forgotten_while_its_finalists_are_checked() -> None:
    certain, nowhere = searched(0.1, 0.2, 0.9, 0.9), searched(0.5)
    for node in (ROOT, ExperimentId(1)):
        for _ in range(3):
            nowhere.drop(nowhere.expand(node))

    assert "the target of 0.5 is reached" in checked_until_over(certain, 4, Ending(target=0.5))
    assert "nothing new can be tried" in checked_until_over(nowhere, 1, Ending())
    assert "all 50 experiments" in checked_until_over(searched(*SPREAD), 50, Ending())


def test_a_search_whose_finalists_are_checked_does_not_go_on() -> None:
    search = searched(*SPREAD)
    search.tell(ExperimentId(1), Observation(0, 0.1, 0.02**2, split=1))

    step = next_step(search, spent(6), Ending(uncheckable=frozenset(map(ExperimentId, range(9)))))

    assert step == Over("the search was over before its finalists were checked")


def test_a_long_plateau_ends_the_search_unless_every_gain_is_worth_having() -> None:
    search = searched(*[0.5 + 0.01 * (n % 7) for n in range(151)], budget=500)

    stopped = next_step(search, spent(151, of=500), Ending(can_check=False))
    assert isinstance(stopped, Over)
    assert "better" in stopped.why or "gain" in stopped.why
    going = next_step(search, spent(151, of=500), Ending(can_check=False, smallest_gain=0))
    assert isinstance(going, Choice)


def test_a_search_in_which_all_scores_are_equal_still_ends_with_a_winner() -> None:
    search = searched(*[0.0] * 12)

    assert math.isfinite(search.bar)
    assert delivered(search, "checkpoint") == 1
    assert isinstance(next_step(search, spent(12), Ending(smallest_gain=0)), Choice)


@pytest.mark.parametrize("budget", [0.3, 1.0])
def test_a_budget_smaller_than_one_run_is_over_once_a_run_was_launched(budget: float) -> None:
    search = searched(0.4)

    over = next_step(search, spent(1.0, of=budget), Ending(can_check=False))

    assert isinstance(over, Over)
