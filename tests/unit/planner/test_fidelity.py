"""How short runs are read, and which of them go on whatever they promise."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.fidelity import (
    FEWEST_PAIRS,
    GO_ON,
    RungMap,
    due,
    learn_maps,
)
from services.planner.tree import ExperimentTree, Observation
from shared.contracts.base import ROOT, ExperimentId

NOISE, SCALE, SPREAD = 0.0004, 0.2, 0.01
DOUBT = NOISE * 1.3**2 + (0.15 * SCALE) ** 2
Pair = tuple[float, float]


def ran(*pairs: Pair, short: tuple[float, ...] = (), rungs: int = 2) -> ExperimentTree:
    """Drafts with a score at the cheapest rung and a full one each, and some with a short alone."""
    tree = ExperimentTree(rungs)
    for value, full in pairs:
        node = tree.expand(ROOT)
        tree.tell(node, Observation(0, value, 0.0004))
        tree.tell(node, Observation(rungs - 1, full, 0.0004))
    for value in short:
        tree.tell(tree.expand(ROOT), Observation(0, value, 0.0004))
    return tree


def learned(tree: ExperimentTree, *, noise: float = NOISE, spread: float = SPREAD) -> RungMap:
    return learn_maps(tree, noise=noise, scale=SCALE, spread=spread)[0]


def read(one: RungMap, value: float) -> float:
    return one.intercept + one.slope * value


def spread_out(count: int) -> list[float]:
    """Scores that differ as much as fresh starts are believed to."""
    return [0.5 + x * math.sqrt(3 * SPREAD) for x in np.linspace(-1, 1, count)]


def test_before_any_pair_a_short_score_stands_for_itself_with_some_doubt() -> None:
    one = learned(ran())

    assert one.trusted
    assert (one.intercept, one.slope, one.residual) == pytest.approx((0.0, 1.0, DOUBT))


def test_a_search_without_short_runs_needs_no_map() -> None:
    assert learn_maps(ExperimentTree(), noise=NOISE, scale=SCALE, spread=SPREAD) == []


def test_the_cheaper_the_rung_the_greater_the_first_doubt() -> None:
    maps = learn_maps(ran(rungs=4), noise=1e-4, scale=0.0, spread=SPREAD)

    assert [one.residual * 1e4 for one in maps] == pytest.approx([2.5**2, 1.8**2, 1.3**2])


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.2), (0.6, 0.1), (1.4, -0.3)])
def test_what_short_scores_lack_everywhere_is_learned(factor: float, shift: float) -> None:
    pairs = [(x, factor * x + shift) for x in spread_out(60)]

    one = learned(ran(*pairs))

    for value, full in pairs[20:40]:
        assert read(one, value) == pytest.approx(full, abs=0.01)
    assert one.residual < 0.2 * DOUBT


def test_few_pairs_change_little() -> None:
    one = learned(ran((0.45, 0.55), (0.55, 0.65)))

    # Two pairs beside one of the prior, that says there is no shift.
    assert read(one, 0.5) == pytest.approx(0.5 + 0.1 * 2 / 3)
    assert 0.9 < one.slope < 1.1


def test_who_goes_on_may_be_chosen_by_the_short_score() -> None:
    rng = Random(0)
    worth = [rng.gauss(0.5, 0.1) for _ in range(300)]
    pairs = sorted((w + rng.gauss(0, 0.05), w + rng.gauss(0, 0.02)) for w in worth)

    whole = learned(ran(*pairs))
    chosen = learned(ran(*pairs[200:], short=tuple(x for x, _ in pairs[:200])))

    assert chosen.slope == pytest.approx(whole.slope, abs=0.1)
    assert read(chosen, 0.65) == pytest.approx(read(whole, 0.65), abs=0.02)
    assert chosen.residual == pytest.approx(whole.residual, rel=0.25)


def test_the_less_a_rung_says_the_more_it_is_doubted() -> None:
    rng = Random(1)
    luck = [rng.gauss(0, 1) for _ in range(60)]

    doubts = [
        learned(
            ran(*[(x + off * z, x) for x, z in zip(spread_out(60), luck, strict=True)])
        ).residual
        for off in (0.0, 0.05, 0.1, 0.4)
    ]

    assert doubts == sorted(doubts)
    assert doubts[1] == pytest.approx(0.05**2, rel=0.5)
    assert doubts[3] > 10 * SPREAD


def test_the_luck_of_full_runs_is_not_held_against_the_short_ones() -> None:
    rng = Random(2)
    pairs = [(x, x + rng.gauss(0, 0.1)) for x in spread_out(60)]

    blamed, excused = (learned(ran(*pairs), noise=noise).residual for noise in (0.0, 0.01))

    assert excused < 0.5 * blamed


def at_random(count: int) -> list[Pair]:
    values = spread_out(count)
    return list(zip(values, Random(4).sample(values, count), strict=True))


def test_a_rung_that_says_nothing_is_given_up_once_there_are_pairs_enough() -> None:
    turned = [(x, 1.0 - x) for x in spread_out(30)]

    few = [(x, 1.0 - x) for x in spread_out(FEWEST_PAIRS - 1)]

    assert learned(ran(*few)).trusted
    assert not learned(ran(*few, (0.5, 0.5))).trusted
    assert not learned(ran(*turned)).trusted
    assert not learned(ran(*at_random(200))).trusted
    assert learned(ran(*[(x, x) for x in spread_out(30)])).trusted


def test_pairs_are_means_over_seeds_on_the_rows_searched_by() -> None:
    tree = ran((0.4, 0.5), (0.5, 0.6))
    before = learned(tree)
    tree.tell(ROOT, Observation(1, 0.9, 0.0004))  # the base model has no short run
    tree.tell(tree.expand(ROOT), Observation(1, 0.2, 0.0004))
    tree.tell(ExperimentId(1), Observation(1, 0.0, 0.0004, split=1))
    assert learned(tree) == before

    tree.tell(ExperimentId(1), Observation(1, 0.7, 0.0004, seed=1))

    assert learned(tree) == learned(ran((0.4, 0.6), (0.5, 0.6)))


def test_each_rung_has_its_own_map() -> None:
    tree = ran(*[(x, x + 0.2) for x in spread_out(60)], rungs=3)
    for node in range(1, len(tree)):
        tree.tell(ExperimentId(node), Observation(1, tree.value[node], 0.0004))

    cheap, middle = learn_maps(tree, noise=NOISE, scale=SCALE, spread=SPREAD)

    assert read(cheap, 0.5) == pytest.approx(0.7, abs=0.01)
    assert read(middle, 0.7) == pytest.approx(0.7, abs=0.01)


PAIRS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=20)
SHORTS = st.lists(st.integers(0, 20), max_size=8)


def in_unit(
    pairs: list[tuple[int, int]], short: list[int], unit: float = 1.0, zero: float = 0.0
) -> RungMap:
    """The map of scores in twentieths, measured in another unit from another zero."""
    tree = ran(
        *[(zero + unit * x / 20, zero + unit * y / 20) for x, y in pairs],
        short=tuple(zero + unit * x / 20 for x in short),
    )
    (one,) = learn_maps(tree, noise=NOISE * unit**2, scale=SCALE * unit, spread=SPREAD * unit**2)
    return one


@given(PAIRS, SHORTS)
@settings(deadline=None, max_examples=60)
def test_whatever_was_measured_a_short_score_can_be_read(
    pairs: list[tuple[int, int]], short: list[int]
) -> None:
    one = in_unit(pairs, short)

    assert all(map(math.isfinite, (one.intercept, one.slope, one.residual)))
    assert one.slope >= 0
    assert one.residual > 0


@given(PAIRS, SHORTS, st.sampled_from([0.01, 3.0, 100.0]), st.sampled_from([-2.0, 0.0, 30.0]))
@settings(deadline=None, max_examples=60)
def test_the_unit_and_the_zero_of_the_metric_change_nothing_but_the_numbers(
    pairs: list[tuple[int, int]], short: list[int], unit: float, zero: float
) -> None:
    plain, other = in_unit(pairs, short), in_unit(pairs, short, unit, zero)

    for value in (0.0, 0.5, 1.0):
        wanted = zero + unit * read(plain, value)
        assert read(other, zero + unit * value) == pytest.approx(wanted, rel=1e-6, abs=1e-7 * unit)
    assert other.residual == pytest.approx(unit**2 * plain.residual)
    assert other.trusted == plain.trusted


def going_on(tree: ExperimentTree) -> list[int]:
    """Those that are due, where a node is believed to be worth what it scored."""
    return due(tree, np.asarray(tree.value))


def test_one_in_three_goes_on_from_every_rung_the_best_first() -> None:
    rest = (0.1, 0.9, 0.8, 0.2, 0.3, 0.4)
    tree = ran(*[(0.5, 0.5)] * 3, short=rest)
    tree.tell(ROOT, Observation(1, 0.5, 0.0004))
    assert going_on(tree) == []  # three of nine went on

    for value in (0.7, 0.6, 0.5):
        tree.tell(tree.expand(ExperimentId(1)), Observation(0, value, 0.0004))

    assert len(tree) - 1 == 4 * GO_ON
    assert going_on(tree) == [5]


def test_what_is_under_way_has_gone_on_and_what_failed_does_not_count() -> None:
    tree = ran(*[(0.5, 0.5)] * 3, short=(0.1, 0.9, 0.8, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
    assert going_on(tree) == [5]

    tree.begin(ExperimentId(5))
    assert going_on(tree) == []

    tree.fail(ExperimentId(5), "broken")
    assert going_on(tree) == []  # three of eleven went on
    tree.tell(tree.expand(ROOT), Observation(0, 0.1, 0.0004))
    assert going_on(tree) == [6]


def test_short_scores_that_differ_more_than_was_thought_say_more() -> None:
    usual, wide = (
        learned(ran(short=tuple(0.5 + w * x / 10 for x in range(-5, 6)))) for w in (0.3, 1.5)
    )

    assert usual.residual == pytest.approx(DOUBT, rel=0.1)
    assert wide.residual < 0.9 * DOUBT


def test_what_was_only_looked_at_on_other_rows_has_no_run_to_go_on_with() -> None:
    tree = ran()

    tree.tell(tree.expand(ROOT), Observation(1, 0.5, 0.0004, split=1))

    assert going_on(tree) == []


def test_those_under_way_are_not_named_again() -> None:
    rest = tuple(0.3 + 0.01 * n for n in range(15))
    tree = ran(*[(0.5, 0.5)] * 3, short=rest)
    assert going_on(tree) == [18, 17, 16]  # six of eighteen, of whom three went on

    tree.begin(ExperimentId(18))

    assert going_on(tree) == [17, 16]
