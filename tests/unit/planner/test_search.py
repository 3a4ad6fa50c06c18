"""What the search does next, given all it was told."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.planner.improvement import (
    Stakes,
    Terms,
    draft_terms,
    expand_terms,
    promote_terms,
)
from services.planner.search import ALWAYS_REFRESHED, Choice, ExperimentSearch, SearchRules
from services.planner.tree import MAX_STALE, Observation, Stage
from shared.contracts.base import ROOT, ExperimentId
from tests.support.trees import History, contents, histories, is_measured, replayed, tell, tried

NINTHS = (1 / 9, 1 / 3, 1.0)
ITEMS = 0.0002
Scores = Callable[[int, int], float]
"""The score of a node at a rung."""


def searching(*, rungs: tuple[float, ...] = (1.0,), budget: float = 6) -> ExperimentSearch:
    return ExperimentSearch(SearchRules(rungs=rungs, budget=budget, seed_deviation=0.02))


def asked(search: ExperimentSearch) -> Terms:
    choice = search.ask()
    assert choice is not None
    return choice.terms


def act(search: ExperimentSearch, scores: Scores) -> Terms:
    """Do what the search wants next, and tell it how that went."""
    terms = asked(search)
    node = ExperimentId(terms.node)
    if terms.kind == "promote":
        search.begin(node)
        rung = search.tree.rung[node] + 1
    else:
        node, rung = search.expand(node), search.first_rung()
    search.tell(node, Observation(rung, scores(node, rung), ITEMS))
    return terms


def measured(*drafts: float, below: tuple[float, ...] = ()) -> ExperimentSearch:
    """Drafts with these scores, and children of the first."""
    search = searching()
    for value in drafts:
        search.tell(search.expand(ROOT), Observation(0, value, ITEMS))
    for value in below:
        search.tell(search.expand(ExperimentId(1)), Observation(0, value, ITEMS))
    return search


@pytest.mark.parametrize(("budget", "rungs", "drafts"), [
    (1, (1.0,), 3),
    (10, (1.0,), 4),
    (20, (1.0,), 5),
    (20, NINTHS, 8),
    (1000, (1.0,), 8),
])  # fmt: skip
def test_a_search_begins_with_more_drafts_the_more_it_can_pay(
    budget: float, rungs: tuple[float, ...], drafts: int
) -> None:
    search = searching(rungs=rungs, budget=budget)

    begun = []
    while (choice := search.ask()) is not None and choice.why == "among the first fresh starts":
        begun.append(choice.terms.kind)
        search.expand(ROOT)

    assert begun == ["draft"] * drafts


def test_a_draft_that_failed_is_made_up_for() -> None:
    search = measured(0.5, 0.6)
    search.fail(search.expand(ROOT), "broken")
    search.drop(search.expand(ROOT))

    assert (asked(search).kind, asked(search).node) == ("draft", ROOT)


def test_where_no_draft_is_new_the_search_goes_on_below_those_it_has() -> None:
    search = measured(0.5, 0.6)
    for _ in range(MAX_STALE):
        search.drop(search.expand(ROOT))

    assert asked(search).kind == "expand"


def three_short() -> ExperimentSearch:
    """Three drafts that were trained for a ninth, of which the second is due to go on."""
    search = searching(rungs=NINTHS, budget=20)
    for value in (0.1, 0.3, 0.2):
        search.tell(search.expand(ROOT), Observation(0, value, ITEMS))
    return search


def test_of_three_short_runs_the_best_goes_on_whatever_it_promises() -> None:
    choice = three_short().ask()

    assert choice is not None
    assert (choice.terms.kind, choice.terms.node) == ("promote", 2)
    assert choice.why == "so that short runs can be compared with longer ones"


def test_only_one_run_of_an_experiment_is_under_way() -> None:
    search = three_short()

    search.begin(ExperimentId(2))

    assert asked(search).kind == "draft"


def test_a_run_that_was_lost_is_begun_again() -> None:
    search = three_short()
    search.begin(ExperimentId(2))

    search.lose(ExperimentId(2))

    assert (asked(search).kind, asked(search).node) == ("promote", 2)


def best_of(search: ExperimentSearch) -> list[Terms]:
    """Every act there is, the most promising first: what the ranking is to find."""
    tree, belief, prior = search.tree, search.posterior, search.prior
    stakes = Stakes(search.bar, search.rules.rungs[search.first_rung()])
    acts = []
    for node in range(1, len(tree)):
        own = [expand_terms(tree, belief, prior, stakes, node)]
        if tree.rungs > 1:
            own.append(promote_terms(tree, belief, stakes, node))
        acts.append(max(own, key=lambda terms: terms.index))
    acts.append(draft_terms(tree, prior, stakes))
    return sorted((one for one in acts if one.index >= 0), key=lambda terms: -terms.index)


def weighing(search: ExperimentSearch) -> ExperimentSearch:
    """Do what comes first whatever it promises, so that from now on acts are weighed."""
    rng = Random(0)
    while (choice := search.ask()) is not None and choice.why:
        act(search, lambda *_: rng.random())
    return search


@given(histories(), st.data(), st.sampled_from([(1.0,), (1 / 3, 1.0), NINTHS]))
@settings(deadline=None, max_examples=35)
def test_the_search_takes_the_best_of_all_acts_and_names_the_next_best(
    history: History, data: st.DataObject, rungs: tuple[float, ...]
) -> None:
    search = tried(weighing(replayed(history, rungs=rungs, budget=1)), data)
    choice = search.ask()
    assume(choice is None or not choice.why)

    wanted = best_of(search)[:2]

    if choice is None:
        assert wanted == []
        return
    found = [choice.terms, choice.runner_up] if choice.runner_up else [choice.terms]
    assert [one.index for one in found if one] == pytest.approx([one.index for one in wanted])
    assert choice.runner_up != choice.terms
    assert choice.bar == search.bar


def with_three_good_places() -> ExperimentSearch:
    """Drafts of which three are nearly as good as each other, where no other is to be had."""
    search = measured(0.502, 0.501, 0.5, 0.2)
    exhaust(search, ROOT)
    return search


def crowd(search: ExperimentSearch, node: ExperimentId) -> None:
    for _ in range(4):
        search.expand(node)


def exhaust(search: ExperimentSearch, node: ExperimentId) -> None:
    for _ in range(MAX_STALE):
        search.drop(search.expand(node))


def repeat(search: ExperimentSearch, node: ExperimentId) -> None:
    for _ in range(MAX_STALE):
        search.alias(search.expand(node), ExperimentId(4))


def diverge(search: ExperimentSearch, node: ExperimentId) -> None:
    for _ in range(3):
        search.fail(search.expand(node), "diverged")


def discredit(search: ExperimentSearch, node: ExperimentId) -> None:
    search.trust(node, 0.5)


def make_dear(search: ExperimentSearch, node: ExperimentId) -> None:
    search.expect_costs({node: 9.0})


@pytest.mark.parametrize("spoil", [crowd, diverge, discredit, make_dear])
def test_what_changes_about_the_two_best_places_makes_the_third_the_best(
    spoil: Callable[[ExperimentSearch, ExperimentId], None],
) -> None:
    search = with_three_good_places()
    assert [terms.node for terms in best_of(search)[:3]] == [1, 2, 3]

    for node in (1, 2):
        spoil(search, ExperimentId(node))

    assert asked(search) == best_of(search)[0]
    assert asked(search).node == 3


@pytest.mark.parametrize("spoil", [exhaust, repeat])
def test_where_nothing_is_new_even_a_crowded_place_is_better(
    spoil: Callable[[ExperimentSearch, ExperimentId], None],
) -> None:
    search = with_three_good_places()
    crowd(search, ExperimentId(3))

    for node in (1, 2):
        spoil(search, ExperimentId(node))

    assert asked(search).node == 3


def test_children_that_are_lost_make_room_again() -> None:
    search = with_three_good_places()
    lost = [search.expand(ExperimentId(1)) for _ in range(3)]
    assert asked(search).node == 2

    for child in lost:
        search.lose(child)

    assert asked(search).node == 1


def test_a_run_under_way_is_not_begun_twice_however_good_it_looks() -> None:
    search = calibrated(0.70, 0.69, 0.68)
    for node in (4, 5, 6):
        exhaust(search, ExperimentId(node))
    assert [terms.node for terms in best_of(search)[:3]] == [4, 5, 6]

    for node in (4, 5):
        search.begin(ExperimentId(node))

    assert (asked(search).kind, asked(search).node) == ("promote", 6)


@pytest.mark.parametrize("below", [0, 1])
def test_failures_count_against_all_places_above_them(below: int) -> None:
    search = with_three_good_places()
    children = []
    for node in (1, 2, 3):
        parent = ExperimentId(node)
        for _ in range(below):
            parent = search.expand(parent)
            search.tell(parent, Observation(0, 0.45, ITEMS))
        children.append([search.expand(parent) for _ in range(2)])
    assert [terms.node for terms in best_of(search)[:3]] == [1, 2, 3]

    for child in (*children[0], *children[1]):
        search.fail(child, "diverged")

    assert best_of(search)[0].node == 3
    assert asked(search).node == 3


def test_what_was_only_run_short_and_failed_is_forgotten() -> None:
    search = calibrated(0.70, 0.41)
    search.begin(ExperimentId(4))

    search.fail(ExperimentId(4), "broken")

    told = contents(search)
    search.refresh()
    assert contents(search) == told
    assert not search.posterior.is_measured(4)


@given(histories(), st.data())
@settings(deadline=None, max_examples=20)
def test_asking_changes_nothing(history: History, data: st.DataObject) -> None:
    search = tried(replayed(history), data)
    before = contents(search)

    for _ in range(3):
        search.ask()

    assert contents(search) == before


@given(histories(), st.integers(0, 20))
@settings(deadline=None, max_examples=20)
def test_a_search_that_is_replayed_in_two_parts_is_the_same_search(
    history: History, cut: int
) -> None:
    whole = replayed(history)
    parts = replayed(History(history.parents, history.aliases, history.told[:cut]))
    parts.ask()

    for one in history.told[cut:]:
        tell(parts, one)

    assert contents(parts) == contents(whole)


@given(
    histories(),
    st.sampled_from([(1.0,), (1 / 3, 1.0)]),
    st.sampled_from([0.02, 5.0, 1000.0]),
    st.sampled_from([-3.0, 0.0, 50.0]),
)
@settings(deadline=None, max_examples=30)
def test_the_unit_and_the_zero_of_the_metric_change_no_choice(
    history: History, rungs: tuple[float, ...], unit: float, zero: float
) -> None:
    other_history = history.measured_in(unit, zero)
    plain = replayed(history, rungs=rungs)
    moved = replayed(other_history, seed_deviation=0.05 * unit, rungs=rungs)
    assume(any(is_measured(plain, n) for n in plain.tree.children(ROOT)))
    assume(min(plain.prior.scale, moved.prior.scale) > 1e-3)

    one, other = plain.ask(), moved.ask()

    assert (one is None) == (other is None)
    if one is None or other is None or _tied(plain):
        return
    assert (other.terms.kind, other.terms.node) == (one.terms.kind, one.terms.node)
    assert other.terms.value == pytest.approx(unit * one.terms.value + zero)
    assert other.terms.deviation == pytest.approx(unit * one.terms.deviation)
    # Far below the bar an improvement is the small difference of large numbers.
    assert other.terms.index == pytest.approx(unit * one.terms.index, rel=1e-3, abs=1e-7 * unit)


def _tied(search: ExperimentSearch) -> bool:
    best = best_of(search)
    return len(best) > 1 and best[0].index < best[1].index * (1 + 1e-6) + 1e-12


def test_workers_side_by_side_get_different_places() -> None:
    search = measured(0.50, 0.52, 0.51, 0.49)

    places = []
    for _ in range(6):
        places.append(asked(search).node)
        search.expand(ExperimentId(places[-1]))

    assert len(set(places)) >= 3


def test_a_node_below_which_nothing_is_new_is_left_alone() -> None:
    search = measured(0.9, 0.5, 0.4)
    assert asked(search).node == 1

    for _ in range(MAX_STALE):
        search.alias(search.expand(ExperimentId(1)), ExperimentId(2))

    assert asked(search).node != 1


def test_where_nothing_is_new_anywhere_there_is_nothing_to_do() -> None:
    search = measured(0.9, 0.5, 0.4)

    for node in range(4):
        for _ in range(MAX_STALE):
            search.drop(search.expand(ExperimentId(node)))

    assert search.ask() is None


def test_a_crowded_node_waits_for_what_was_grown_below_it() -> None:
    search = measured(0.95, 0.2, 0.1)
    crowd = []
    while asked(search).node == 1:
        crowd.append(search.expand(ExperimentId(1)))
    assert len(crowd) <= math.ceil(3 * math.sqrt(2))

    for child in crowd:
        search.tell(child, Observation(0, 0.94, ITEMS))

    assert search.tree.visits[1] == 1 + len(crowd)
    assert asked(search).node in (1, *crowd)


def calibrated(*short: float) -> ExperimentSearch:
    """Three drafts whose short runs say what the full ones do, and more short drafts."""
    search = searching(rungs=(1 / 3, 1.0))
    for value in (0.40, 0.50, 0.45):
        node = search.expand(ROOT)
        for rung in (0, 1):
            search.tell(node, Observation(rung, value, ITEMS))
    for value in short:
        search.tell(search.expand(ROOT), Observation(0, value, ITEMS))
    return search


def test_a_promising_short_run_is_grown_below_and_soon_gone_on_with() -> None:
    search = calibrated(0.70, 0.41)

    acts = []
    for _ in range(4):
        acts.append((asked(search).kind, asked(search).node))
        if acts[-1][0] == "promote":
            break
        search.expand(ExperimentId(acts[-1][1]))

    assert acts[-1] == ("promote", 4)
    assert {node for _, node in acts} == {4}


def test_a_short_run_that_promises_nothing_is_left_as_it_is() -> None:
    search = calibrated(0.30)

    terms = [act(search, lambda *_: 0.45) for _ in range(6)]

    assert ("promote", 4) not in [(one.kind, one.node) for one in terms]


def test_a_short_run_that_misleads_is_given_up_and_new_experiments_are_trained_in_full() -> None:
    search, rng = searching(rungs=(1 / 3, 1.0), budget=60), Random(5)
    full = {node: 0.4 + 0.2 * rng.random() for node in range(1, 200)}
    noise = {node: 0.4 + 0.2 * rng.random() for node in range(1, 200)}

    acts = [act(search, lambda node, rung: full[node] if rung else noise[node]) for _ in range(150)]

    assert search.first_rung() == 1
    assert acts[-1].kind != "promote"
    assert acts[-1].cost == pytest.approx(search.tree.cost[acts[-1].node])


def test_a_short_run_that_ranks_well_is_kept() -> None:
    search, rng = searching(rungs=(1 / 3, 1.0), budget=60), Random(5)
    full = {node: 0.4 + 0.2 * rng.random() for node in range(1, 200)}

    for _ in range(150):
        act(search, lambda node, rung: full[node] - 0.1 * (rung == 0) + rng.gauss(0, 0.01))

    assert search.first_rung() == 0
    assert sum(search.tree.is_full(node) for node in range(1, len(search.tree))) < 75


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        (Observation(0, math.nan, ITEMS), "finite"),
        (Observation(0, math.inf, ITEMS), "finite"),
        (Observation(0, 0.5, math.nan), "finite"),
        (Observation(1, 0.5, ITEMS), "no rung 1"),
        (Observation(-1, 0.5, ITEMS), "no rung -1"),
    ],
)
def test_what_cannot_be_reckoned_with_is_refused_and_changes_nothing(
    observation: Observation, said: str
) -> None:
    search = measured(0.5, 0.4)
    before = contents(search)

    with pytest.raises(ValueError, match=said):
        search.tell(ExperimentId(1), observation)

    assert contents(search) == before


def test_how_alike_results_on_the_same_items_are_counts_with_the_next_result() -> None:
    search, other = measured(0.5, 0.6), measured(0.5, 0.6)
    for _ in range(20):
        search.compare(1.0)

    for one in (search, other):
        one.tell(one.expand(ROOT), Observation(0, 0.4, ITEMS))

    assert search.noise.kept < 0.1 < 0.4 < other.noise.kept


def test_the_best_so_far_is_a_belief_not_the_luckiest_score() -> None:
    search = measured(0.70, 0.40, 0.45, 0.50, below=(0.45, 0.45, 0.45))

    assert search.bar < 0.69


def test_until_a_run_is_full_the_best_short_one_is_what_to_beat() -> None:
    search = searching(rungs=NINTHS)
    empty = search.bar
    search.tell(search.expand(ROOT), Observation(0, 0.9, ITEMS))
    search.tell(search.expand(ROOT), Observation(0, 0.5, ITEMS))
    short = search.bar

    search.tell(ExperimentId(2), Observation(2, 0.5, ITEMS))

    assert empty == search.prior.draft or empty == 0.0
    assert short == max(search.posterior.mean[1], short)
    assert search.bar == search.posterior.mean[2]


def rising(results: int, *, until: int) -> ExperimentSearch:
    """Drafts that get better until some result, and then no more."""
    search = searching()
    for n in range(results):
        search.tell(search.expand(ROOT), Observation(0, 0.3 + 0.01 * min(n, until), ITEMS))
    return search


@pytest.mark.parametrize(
    ("results", "until", "over"), [(14, 0, False), (30, 0, True), (30, 29, False), (60, 35, False)]
)
def test_a_plateau_is_half_of_the_runs_and_fifteen_at_least_without_a_rise(
    results: int, until: int, over: bool
) -> None:
    assert rising(results, until=until).plateau(0.005) is over


def test_short_runs_count_for_a_plateau_as_what_was_trained_for_them() -> None:
    search = searching(rungs=NINTHS)
    nodes = [search.expand(ROOT) for _ in range(60)]
    for node in nodes:
        search.tell(node, Observation(0, 0.5, ITEMS))
    for node in nodes[:35]:
        search.tell(node, Observation(1, 0.5, ITEMS))

    assert not search.plateau(0.005)  # 60 / 9 + 35 * 2 / 9: less than fifteen full runs

    for node in nodes[35:]:
        search.tell(node, Observation(1, 0.5, ITEMS))

    assert search.plateau(0.005)  # twenty


def test_another_look_at_a_run_and_the_base_model_are_no_steps_of_a_plateau() -> None:
    search = rising(15, until=0)

    search.tell(ExperimentId(1), Observation(0, 0.3, ITEMS, split=1))
    search.tell(ROOT, Observation(0, 0.1, ITEMS))

    assert not search.plateau(0.005)


def test_a_rise_from_the_very_first_run_on_is_no_plateau() -> None:
    search = searching(rungs=NINTHS)
    for n in range(15):
        search.tell(search.expand(ROOT), Observation(2, 0.3 + 0.01 * n, ITEMS))
    search.tell(search.expand(ROOT), Observation(0, 0.3, ITEMS))

    assert not search.plateau(0.005)  # fifteen runs reach back to before the first result


def test_a_result_that_is_told_again_is_no_step_of_a_plateau() -> None:
    search = rising(10, until=0)

    for _ in range(50):
        search.tell(ExperimentId(1), Observation(0, 0.3, ITEMS))

    assert not search.plateau(0.005)


def large(count: int) -> ExperimentSearch:
    """A search so large that not every result renews every belief."""
    search, rng = searching(), Random(1)
    for node in range(count):
        parent = ROOT if rng.random() < 0.1 else ExperimentId(rng.randrange(node + 1))
        if search.tree.stage[parent] != Stage.TOLD:
            parent = ROOT
        child = search.expand(parent)
        if rng.random() < 0.1:
            search.fail(child, "diverged")
        else:
            search.tell(child, Observation(0, rng.gauss(0.5, 0.05), ITEMS))
    return search


def test_between_two_refreshes_beliefs_and_choices_are_nearly_those_of_a_refresh() -> None:
    search = large(ALWAYS_REFRESHED + 7)
    mean, choice = list(search.posterior.mean), search.ask()

    search.refresh()

    again = search.ask()
    assert isinstance(choice, Choice)
    assert isinstance(again, Choice)
    assert mean == pytest.approx(list(search.posterior.mean), abs=0.01)
    assert (choice.terms.kind, choice.terms.node) == (again.terms.kind, again.terms.node)
    assert mean != list(search.posterior.mean)


def test_a_record_renews_every_belief_at_once() -> None:
    search = large(ALWAYS_REFRESHED + 7)
    child = search.expand(ExperimentId(1))

    search.tell(child, Observation(0, 0.9, ITEMS))

    told = contents(search)
    search.refresh()
    assert told == contents(search)
    assert search.bar == search.posterior.mean[child]


def test_the_base_model_may_be_measured_again_however_many_experiments_there_are() -> None:
    search, rng = ExperimentSearch(SearchRules()), Random(0)
    for node in range(ALWAYS_REFRESHED + 20):
        search.tell(search.expand(ExperimentId(rng.randrange(node + 1))), Observation(0, 0.5, 0.01))
    best = search.ask()

    search.tell(ROOT, Observation(0, 0.4, 0.01, split=1))

    assert search.ask() == best
