"""How far off a score is believed to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.noise import (
    PRIOR_RUNS,
    SHARED,
    Noise,
    measure_noise,
    shared_correlation,
)
from services.planner.tree import ExperimentTree, Observation
from shared.contracts.base import ROOT
from shared.contracts.score import Score
from tests.support.examples import score

KEPT = 1 - SHARED
VARIANCE = 0.0025


def runs(*scores: list[float], splits: tuple[int, ...] = (0,)) -> ExperimentTree:
    """Drafts, each run with as many seeds as it has scores."""
    tree = ExperimentTree(rungs=2)
    for own in scores:
        node = tree.expand(ROOT)
        for seed, value in enumerate(own):
            for split in splits:
                tree.tell(node, Observation(1, value + 0.3 * split, VARIANCE, seed, split))
    return tree


def noise(
    tree: ExperimentTree,
    correlations: tuple[int, float] = (0, 0.0),
    seed_deviation: float | None = None,
) -> Noise:
    return measure_noise(tree, correlations=correlations, seed_deviation=seed_deviation)


def test_before_anything_is_measured_there_is_no_noise_but_what_is_said_of_seeds() -> None:
    assert noise(ExperimentTree()) == Noise(0.0, 0.0, KEPT)
    assert noise(ExperimentTree(), seed_deviation=0.1).seed == pytest.approx(0.01)


def test_what_two_models_share_on_the_same_items_is_no_noise_between_them() -> None:
    assert noise(runs([0.5], [0.6])).evaluation == pytest.approx(KEPT * VARIANCE)


def test_seeds_are_first_taken_to_move_a_score_as_much_as_items_do() -> None:
    measured = noise(runs([0.5], [0.6]))

    assert measured.seed == measured.evaluation
    assert measured.total == pytest.approx(2 * KEPT * VARIANCE)


def test_replicates_of_all_recipes_are_pooled_with_the_first_guess() -> None:
    measured = noise(runs([0.4, 0.6], [0.1, 0.2, 0.3], [0.9]), seed_deviation=0.1)

    squares, freedom = 2 * 0.1**2 + 2 * 0.1**2, 1 + 2
    assert measured.seed == pytest.approx((PRIOR_RUNS * 0.01 + squares) / (PRIOR_RUNS + freedom))


def test_scores_on_other_rows_are_no_replicates() -> None:
    checked = noise(runs([0.5], [0.6], splits=(0, 1)), seed_deviation=0.1)

    assert checked.seed == pytest.approx(0.01)


def test_replicates_that_are_scored_on_both_rows_count_once() -> None:
    once, twice = runs([0.4, 0.6]), runs([0.4, 0.6], splits=(0, 1))

    assert noise(twice, seed_deviation=0.1).seed == noise(once, seed_deviation=0.1).seed


def test_replicates_that_are_scored_on_the_kept_rows_only_are_compared_among_themselves() -> None:
    tree = runs([0.9])
    for seed, value in ((1, 0.4), (2, 0.6)):
        tree.tell(next(tree.children(ROOT)), Observation(1, value, VARIANCE, seed, split=1))  # type: ignore[arg-type]

    measured = noise(tree, seed_deviation=0.1)

    assert measured.seed == pytest.approx((PRIOR_RUNS * 0.01 + 2 * 0.1**2) / (PRIOR_RUNS + 1))


def test_short_runs_say_nothing_of_the_noise_of_full_ones() -> None:
    tree = runs([0.5])
    before = noise(tree)

    for seed, value in enumerate((0.1, 0.9)):
        tree.tell(next(tree.children(ROOT)), Observation(0, value, 0.1, seed))  # type: ignore[arg-type]

    assert noise(tree) == before


@pytest.mark.parametrize(
    ("correlations", "kept"),
    [
        ((1, 1.0), 1 - (3 * SHARED + 1) / 4),
        ((3, 0.0), 1 - 3 * SHARED / 6),
        ((10_000, 10_000.0), 0.05),
        ((10_000, -10_000.0), 1.0),
    ],
)
def test_how_alike_items_are_is_learned_and_never_leaves_a_score_without_noise(
    correlations: tuple[int, float], kept: float
) -> None:
    assert noise(runs([0.5]), correlations).kept == pytest.approx(kept)


@given(st.lists(st.lists(st.integers(0, 10), min_size=1, max_size=3), min_size=1, max_size=6))
@settings(deadline=None, max_examples=50)
def test_noise_grows_with_the_square_of_the_metrics_unit(tenths: list[list[int]]) -> None:
    one = noise(runs(*[[n / 10 for n in own] for own in tenths]), seed_deviation=0.1)
    ten = noise(runs(*[[float(n) for n in own] for own in tenths]), seed_deviation=1.0)

    assert ten.seed == pytest.approx(100 * one.seed)


def scored(items: list[float]) -> Score:
    changed = {"items": tuple(items), "value": sum(items) / len(items)}
    return score().model_copy(update=changed)


def test_models_that_find_the_same_items_hard_are_correlated() -> None:
    easy_first = [1.0] * 5 + [0.0] * 5

    assert shared_correlation(scored(easy_first), scored(easy_first)) == pytest.approx(1.0)
    assert shared_correlation(scored(easy_first), scored(easy_first[::-1])) == pytest.approx(-1.0)
    assert shared_correlation(scored([1.0, 0.0, 1.0, 0.0]), scored([1.0, 1.0, 0.0, 0.0])) == 0.0


@pytest.mark.parametrize("items", [[1.0] * 10, [1.0, 0.0]])
def test_where_nothing_can_be_told_there_is_no_correlation(items: list[float]) -> None:
    other = [float(i % 2) for i in range(len(items))]

    assert shared_correlation(scored(items), scored(other)) is None
