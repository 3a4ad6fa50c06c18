"""What is learned of fresh starts and of steps, and how far it is trusted."""

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.planner.fidelity import RungMap
from services.planner.messages import layout_of
from services.planner.noise import Noise
from services.planner.prior import (
    DRAFT_DEVIATION,
    STEP,
    STEP_VARIANCE,
    Prior,
    evidence,
    learn_prior,
)
from services.planner.tree import ExperimentTree, Observation
from shared.contracts.base import ROOT, ExperimentId
from tests.support.trees import History, histories, is_measured, replayed

NOISE = Noise(evaluation=0.0001, seed=0.0003, kept=0.5)
DRAFTS = (0.3, 0.4, 0.5, 0.6, 0.7)


def grown(*drafts: float, steps: Sequence[float] = ()) -> ExperimentTree:
    """Drafts with these scores, and children of one after another that are better by these."""
    tree = ExperimentTree()
    for value in drafts:
        tree.tell(tree.expand(ROOT), Observation(0, value, 0.0002))
    for place, step in enumerate(steps):
        parent = ExperimentId(1 + place % len(drafts))
        tree.tell(tree.expand(parent), Observation(0, tree.value[parent] + step, 0.0002))
    return tree


def learned(tree: ExperimentTree) -> Prior:
    return learn_prior(tree, layout_of(tree), NOISE)[0]


def test_two_drafts_say_nothing_of_the_scale_beyond_the_noise() -> None:
    assert learned(grown(0.5, 0.51)).scale == pytest.approx(2 * math.sqrt(NOISE.total))


def test_the_scale_reaches_from_the_median_draft_to_the_best_full_run_less_its_luck() -> None:
    best = grown(*DRAFTS, steps=(0.5, 0.9)).highest

    scale = learned(grown(*DRAFTS, steps=(0.5, 0.9))).scale

    assert scale == pytest.approx(best - math.sqrt(NOISE.total) - 0.5)


def test_a_short_run_however_good_does_not_stretch_the_scale() -> None:
    tree = ExperimentTree(rungs=2)
    for value in (0.1, 0.1):
        tree.tell(tree.expand(ROOT), Observation(1, value, 0.0002))
    before = learned(tree).scale

    tree.tell(tree.expand(ExperimentId(1)), Observation(0, 0.9, 0.0002))

    assert learned(tree).scale == before


def test_the_scale_is_twice_the_robust_deviation_of_drafts() -> None:
    assert learned(grown(*DRAFTS)).scale == pytest.approx(2 * 1.4826 * 0.1)


def test_a_draft_that_learned_nothing_does_not_stretch_the_scale() -> None:
    with_failure = learned(grown(*DRAFTS, 0.5, 0.0)).scale

    assert with_failure == pytest.approx(learned(grown(*DRAFTS)).scale)


def test_children_do_not_count_as_drafts() -> None:
    assert learned(grown(*DRAFTS, steps=(0.1, 0.0))).scale == learned(grown(*DRAFTS)).scale


def test_before_any_child_steps_are_the_first_guesses_in_units_of_the_scale() -> None:
    prior = learned(grown(*DRAFTS))

    assert prior.step == pytest.approx(STEP * prior.scale)
    assert prior.change == pytest.approx(STEP_VARIANCE * prior.scale**2)


def test_drafts_move_their_mean_and_spread_from_the_first_guesses() -> None:
    prior = learned(grown(*DRAFTS, 0.71, 0.72, 0.73))
    guess = (DRAFT_DEVIATION * prior.scale) ** 2

    assert 0.55 < prior.draft < 0.65  # the median, drawn to the mean
    assert 0.5 * guess < prior.spread < 2 * guess


def test_many_steps_outweigh_the_first_guess_and_few_do_not() -> None:
    few = learned(grown(*DRAFTS, steps=[0.1]))
    many = learned(grown(*DRAFTS * 8, steps=[0.1] * 40))

    assert few.step < 0.03
    assert 0.05 < many.step < 0.11


def test_steps_that_scatter_widely_widen_the_change() -> None:
    rng = Random(0)
    steady = learned(grown(*DRAFTS, steps=[rng.gauss(0, 0.02) for _ in range(40)]))
    wild = learned(grown(*DRAFTS, steps=[rng.gauss(0, 0.2) for _ in range(40)]))

    assert steady.change < 0.01 < wild.change


def test_steps_that_scatter_by_their_noise_alone_do_not_widen_the_change() -> None:
    rng, noisy, tree = Random(0), Noise(evaluation=0.0025, seed=0.0025, kept=0.5), ExperimentTree()
    for worth in DRAFTS * 8:
        draft = tree.expand(ROOT)
        for node in (draft, tree.expand(draft)):
            value = worth + rng.gauss(0, math.sqrt(noisy.total))
            tree.tell(node, Observation(0, value, 0.005))

    prior, _ = learn_prior(tree, layout_of(tree), noisy)

    assert prior.change < STEP_VARIANCE * prior.scale**2


def test_the_change_never_collapses_even_where_nothing_changes() -> None:
    prior = learned(grown(*DRAFTS, steps=(0.0,) * 200))

    assert math.sqrt(prior.change) >= 0.0999 * math.sqrt(prior.spread)
    assert prior.change < 0.5 * STEP_VARIANCE * prior.scale**2


def test_a_step_beyond_four_deviations_counts_as_four() -> None:
    near, far, absurd = (
        learned(grown(*DRAFTS, steps=(0.0, 0.01, step))) for step in (-0.1, -1.0, -100.0)
    )

    assert near.step > far.step == pytest.approx(absurd.step, rel=0.02)
    assert near.change < far.change == pytest.approx(absurd.change, rel=0.02)


@pytest.mark.parametrize("score", [0.0, 0.37, 1.0])
def test_equal_scores_leave_a_usable_prior(score: float) -> None:
    tree = grown(*[score] * 9, steps=(0.0,) * 4)
    prior, _ = learn_prior(tree, layout_of(tree), Noise(0.0, 0.0, 0.5))

    assert prior.draft == pytest.approx(score, abs=1e-3)
    assert 0 < prior.change < 1e-3
    assert 0 < prior.spread < 1e-3


@given(histories(), st.sampled_from([0.01, 7.0, 1000.0]), st.sampled_from([-3.0, 0.0, 40.0]))
@settings(deadline=None, max_examples=25)
def test_a_prior_follows_the_unit_and_the_zero_of_the_metric(
    history: History, unit: float, zero: float
) -> None:
    assume(any(history.parents[one.node - 1] == ROOT for one in history.told))
    other = history.measured_in(unit, zero)
    plain = replayed(history, rungs=(1.0,))
    moved = replayed(other, seed_deviation=0.05 * unit, rungs=(1.0,))
    # Of what was never measured nothing follows.
    assume(any(is_measured(plain, n) for n in plain.tree.children(ROOT)))
    assume(min(plain.prior.scale, moved.prior.scale) > 1e-3)

    assert moved.prior.scale == pytest.approx(unit * plain.prior.scale)
    assert moved.prior.step == pytest.approx(unit * plain.prior.step, abs=1e-9 * unit)
    assert moved.prior.change == pytest.approx(unit**2 * plain.prior.change)
    assert moved.prior.spread == pytest.approx(unit**2 * plain.prior.spread)
    assert moved.prior.draft == pytest.approx(unit * plain.prior.draft + zero)


def told(*observations: Observation) -> ExperimentTree:
    """One draft with these measurements."""
    tree = ExperimentTree(rungs=2)
    node = tree.expand(ROOT)
    for one in observations:
        tree.tell(node, one)
    return tree


MAPS = [RungMap(0.1, 0.5, 0.04, trusted=True)]


def of_draft(tree: ExperimentTree) -> tuple[float, float]:
    """What the draft is measured to be worth, and the variance."""
    read = evidence(tree, NOISE, MAPS)
    return read.weighted[1] / read.precision[1], 1 / read.precision[1]


def test_a_short_score_is_read_through_its_map() -> None:
    assert of_draft(told(Observation(0, 0.6, 0.01))) == pytest.approx((0.1 + 0.5 * 0.6, 0.04))


def test_a_longer_run_makes_the_short_one_count_for_nothing() -> None:
    both = told(Observation(0, 0.6, 0.01), Observation(1, 0.8, 0.01))

    assert of_draft(both) == pytest.approx((0.8, 0.5 * 0.01 + NOISE.seed))


def test_seeds_are_combined_by_how_sure_each_is() -> None:
    one, other = Observation(1, 0.8, 0.01), Observation(1, 0.5, 0.04, seed=1)
    weights = [1 / (0.5 * o.variance + NOISE.seed) for o in (one, other)]

    mean, variance = of_draft(told(one, other))

    assert mean == pytest.approx((0.8 * weights[0] + 0.5 * weights[1]) / sum(weights))
    assert variance == pytest.approx(1 / sum(weights))


def test_another_look_at_a_run_is_no_other_run() -> None:
    once = told(Observation(1, 0.8, 0.01))
    twice = told(Observation(1, 0.8, 0.01), Observation(1, 0.1, 0.01, split=1))

    assert of_draft(once) == of_draft(twice)


def test_what_failed_in_the_end_and_the_base_model_are_evidence_of_nothing() -> None:
    tree = told(Observation(0, 0.6, 0.01))
    tree.tell(ROOT, Observation(1, 0.6, 0.01))
    tree.fail(ExperimentId(1), "broken")

    read = evidence(tree, NOISE, MAPS)

    assert not read.precision.any()
    assert not read.weighted.any()
