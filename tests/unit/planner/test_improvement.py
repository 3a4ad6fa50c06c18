"""Indexes of acts: against numerical integration, against each other, and term by term."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.improvement import (
    COST_POWER,
    CROWD_POWER,
    NEVER,
    Stakes,
    all_indexes,
    draft_terms,
    expand_terms,
    expected_improvement,
    node_index,
    promote_terms,
)
from services.planner.search import ExperimentSearch, SearchRules
from services.planner.tree import Observation
from shared.contracts.base import ROOT, ExperimentId
from tests.support.trees import RUNGS, History, histories, replayed, tried

UNIT = st.floats(-1.0, 1.0)
NODE = ExperimentId(1)


def integrated(value: float, deviation: float, bar: float) -> float:
    """The mean of what passes the bar, from a hundred thousand slices of the distribution."""
    edges = np.linspace(value - 10 * deviation, value + 10 * deviation, 100_001)
    x = (edges[1:] + edges[:-1]) / 2
    density = np.exp(-0.5 * ((x - value) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    return float((np.maximum(0.0, x - bar) * density).sum() * (edges[1] - edges[0]))


@given(UNIT, st.floats(0.01, 2.0), UNIT)
@settings(deadline=None, max_examples=30)
def test_expected_improvement_is_the_integral_it_stands_for(
    value: float, deviation: float, bar: float
) -> None:
    wanted = integrated(value, deviation, bar)

    assert expected_improvement(value, deviation, bar) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@given(
    st.floats(-1e3, 1e3),
    st.just(0.0) | st.floats(1e-9, 1e3),
    st.floats(-1e3, 1e3),
    st.just(0.0) | st.floats(1e-9, 1e3),
)
@settings(deadline=None, max_examples=100)
def test_improvement_is_never_negative_and_grows_with_value_and_with_doubt(
    value: float, deviation: float, bar: float, more: float
) -> None:
    now = expected_improvement(value, deviation, bar)

    assert now >= max(0.0, value - bar) - 1e-9 * (1 + abs(value) + abs(bar) + deviation)
    assert expected_improvement(value + more, deviation, bar) >= now - 1e-9 * (1 + now)
    assert expected_improvement(value, deviation + more, bar) >= now - 1e-9 * (1 + now)


def test_without_doubt_only_what_is_above_the_bar_improves() -> None:
    assert expected_improvement(0.7, 0.0, 0.5) == pytest.approx(0.2)
    assert expected_improvement(0.3, 0.0, 0.5) == 0.0


@given(histories(), st.data())
@settings(deadline=None, max_examples=50)
def test_all_indexes_at_once_are_those_of_the_nodes_one_by_one(
    history: History, data: st.DataObject
) -> None:
    search = tried(replayed(history), data)
    tree, belief, prior = search.tree, search.posterior, search.prior
    stakes = Stakes(search.bar, RUNGS[search.first_rung()])

    together = all_indexes(tree, belief, prior, stakes)
    alone = [node_index(tree, belief, prior, stakes, node) for node in range(1, len(tree))]

    assert together[ROOT] == NEVER
    np.testing.assert_allclose(together[1:], alone, rtol=1e-9, atol=1e-15)


def measured(*scores: float, rung: int = 1, below: tuple[float, ...] = ()) -> ExperimentSearch:
    """Drafts with these scores at a rung, and full children of the first."""
    search = ExperimentSearch(SearchRules(rungs=RUNGS, seed_deviation=0.05))
    for score in scores:
        search.tell(search.expand(ROOT), Observation(rung, score, 0.0004))
    for score in below:
        search.tell(search.expand(NODE), Observation(1, score, 0.0004))
    return search


def stakes_of(search: ExperimentSearch) -> Stakes:
    return Stakes(search.bar, RUNGS[0])


def growing(search: ExperimentSearch, node: int = NODE) -> float:
    """The index of one more child."""
    stakes = stakes_of(search)
    return expand_terms(search.tree, search.posterior, search.prior, stakes, node).index


def both_ways(search: ExperimentSearch) -> list[float]:
    """The index of the first node, alone and among all."""
    parts = (search.tree, search.posterior, search.prior, stakes_of(search))
    return [node_index(*parts, NODE), float(all_indexes(*parts)[NODE])]


def lengthening(search: ExperimentSearch, node: int = NODE) -> float:
    """The index of a longer run."""
    return promote_terms(search.tree, search.posterior, stakes_of(search), node).index


def test_the_index_of_a_child_is_made_of_its_terms() -> None:
    search = measured(0.6, 0.5, 0.4)
    search.expect_costs({NODE: 2.0})
    terms = expand_terms(search.tree, search.posterior, search.prior, stakes_of(search), NODE)
    prior, works = search.prior, (9 + 1) / (9 + 1 + 1)

    assert terms.value == pytest.approx(search.posterior.mean[NODE] + prior.step)
    assert terms.deviation == pytest.approx(
        math.sqrt(search.posterior.variance[NODE] + prior.change)
    )
    assert terms.cost == pytest.approx(2.0 * RUNGS[0])
    improvement = expected_improvement(terms.value, terms.deviation, search.bar)
    cost = (2.0 * math.sqrt(RUNGS[0])) ** COST_POWER
    assert terms.index == pytest.approx(works * improvement / cost)


def with_short_runs(*, luck: float) -> ExperimentSearch:
    """Drafts run short and in full, whose short scores are off by so much, and a short one."""
    search, rng = ExperimentSearch(SearchRules(rungs=RUNGS, seed_deviation=0.01)), Random(0)
    for place in range(6):
        node, worth = search.expand(ROOT), 0.4 + 0.04 * place
        search.tell(node, Observation(0, worth + luck * rng.choice((-1, 1)), 1e-4))
        search.tell(node, Observation(1, worth, 1e-4))
    search.tell(search.expand(ROOT), Observation(0, 0.6, 1e-4))
    return search


def test_a_short_run_is_grown_only_if_it_says_as_much_as_a_full_run_of_its_parent() -> None:
    telling, misleading = with_short_runs(luck=0.0), with_short_runs(luck=0.4)
    for search in (telling, misleading):
        enough = 1 / (search.prior.change + search.noise.total)
        says_enough = search.posterior.own_precision[7] >= enough
        assert says_enough == (search is telling)

    assert growing(telling, 7) > 0
    assert growing(misleading, 7) == NEVER
    assert lengthening(misleading, 7) > 0


def test_children_under_way_divide_the_index_and_those_that_are_over_only_its_root() -> None:
    search = measured(0.6, 0.5, 0.4)
    alone = growing(search)

    search.expand(NODE)

    assert growing(search) == pytest.approx(alone / 2)
    terms = expand_terms(search.tree, search.posterior, search.prior, stakes_of(search), NODE)
    assert terms.pending == 1
    search.tell(ExperimentId(4), Observation(1, 0.5, 0.0004))
    terms = expand_terms(search.tree, search.posterior, search.prior, stakes_of(search), NODE)
    improvement = expected_improvement(terms.value, terms.deviation, search.bar)
    works, cost = (9 + 2) / (9 + 1 + 2), RUNGS[0] ** (0.5 * COST_POWER)
    assert terms.index == pytest.approx(works * improvement / cost / 2**CROWD_POWER)


def test_a_node_whose_children_were_better_than_expected_promises_more() -> None:
    good, poor = measured(0.5, 0.4, below=(0.7, 0.7)), measured(0.5, 0.4, below=(0.3, 0.3))
    prior, mean = good.prior, good.posterior.mean
    terms = expand_terms(good.tree, good.posterior, prior, stakes_of(good), NODE)

    better = sum(mean[child] - mean[NODE] - prior.step for child in (3, 4)) / (2 + 3)
    assert terms.value == pytest.approx(mean[NODE] + prior.step + better)
    assert growing(good) > growing(poor)


def test_a_child_that_diverged_speaks_against_the_next_more_than_one_that_broke() -> None:
    broke, diverged = measured(0.5, 0.4), measured(0.5, 0.4)
    broke.fail(broke.expand(NODE), "broken")
    diverged.fail(diverged.expand(NODE), "diverged")

    assert growing(diverged) < growing(broke)


def test_where_runs_fail_the_next_is_expected_to_fail_more_often() -> None:
    search = measured(0.5, 0.4)
    worked = growing(search)

    search.fail(search.expand(NODE), "broken")

    assert growing(search) == pytest.approx(
        worked / 2**CROWD_POWER * ((9 + 2 - 1) / 12) / (10 / 11)
    )


def test_a_proposers_opinion_counts_and_fades_with_children() -> None:
    search = measured(0.5, 0.4)
    before = growing(search)
    search.trust(NODE, 2.0)
    fresh = growing(search) / before

    for _ in range(2):
        search.expand(NODE)

    assert fresh == pytest.approx(2.0)
    assert growing(search) / (before / 3) == pytest.approx(1.5)


@pytest.mark.parametrize(("said", "taken"), [(0.01, 0.5), (0.8, 0.8), (9.0, 2.0)])
def test_no_opinion_of_a_proposer_counts_more_than_double_or_less_than_half(
    said: float, taken: float
) -> None:
    search = measured(0.5)

    search.trust(NODE, said)

    assert search.tree.prior[NODE] == taken


def test_dear_children_promise_less_for_their_cost() -> None:
    search = measured(0.5, 0.4)
    before = growing(search)

    search.expect_costs({NODE: 16.0})

    assert growing(search) == pytest.approx(before / 16.0**COST_POWER)


def test_nothing_is_promised_below_what_is_not_measured_exhausted_or_crowded() -> None:
    unmeasured, exhausted, crowded = measured(0.5), measured(0.5), measured(0.5)
    waiting = unmeasured.expand(ROOT)
    for _ in range(3):
        exhausted.drop(exhausted.expand(NODE))
    room = math.ceil(3 * math.sqrt(1 + 1))
    for _ in range(room - 1):
        crowded.expand(NODE)
    last = growing(crowded)
    crowded.expand(NODE)

    assert growing(unmeasured, waiting) == growing(exhausted) == growing(crowded) == NEVER
    assert last > 0


def test_a_longer_run_is_worth_what_is_believed_of_the_short_one() -> None:
    search = measured(0.5, 0.4, rung=0)
    search.expect_costs({NODE: 2.0})
    mean, deviation = search.posterior.mean[NODE], math.sqrt(search.posterior.variance[NODE])

    improvement = expected_improvement(mean, deviation, search.bar)

    assert lengthening(search) == pytest.approx(improvement / 2.0**COST_POWER)


def test_of_a_run_that_is_under_way_and_cannot_be_grown_below_nothing_is_promised() -> None:
    search = measured(0.5, 0.4, rung=0)
    for _ in range(3):
        search.drop(search.expand(NODE))
    waiting = both_ways(search)

    search.begin(NODE)

    assert min(waiting) > 0
    assert both_ways(search) == [NEVER, NEVER]


def test_what_is_under_way_full_or_failed_is_not_run_longer() -> None:
    search = measured(0.5, 0.5, 0.5, rung=0)
    full = search.expand(ROOT)
    search.tell(full, Observation(1, 0.5, 0.0004))
    search.begin(NODE)
    search.begin(ExperimentId(2))
    search.fail(ExperimentId(2), "broken")

    assert [lengthening(search, node) for node in (NODE, 2, full)] == [NEVER] * 3
    assert lengthening(search, 3) > 0


def test_fresh_starts_under_way_share_the_index_of_the_next() -> None:
    search = measured(0.5, 0.4, 0.6)
    alone = draft_terms(search.tree, search.prior, stakes_of(search))
    for _ in range(3):
        search.expand(ROOT)

    crowded = draft_terms(search.tree, search.prior, stakes_of(search))

    improvement = expected_improvement(
        search.prior.draft, math.sqrt(search.prior.spread), search.bar
    )
    assert alone.index == pytest.approx(improvement / RUNGS[0] ** (0.5 * COST_POWER))
    assert crowded.index == pytest.approx(alone.index / 4)
    assert (alone.cost, crowded.pending) == (RUNGS[0], 3)


def test_where_nothing_new_can_be_drafted_a_fresh_start_promises_nothing() -> None:
    search = measured(0.5)
    for _ in range(3):
        search.drop(search.expand(ROOT))

    assert draft_terms(search.tree, search.prior, stakes_of(search)).index == NEVER
