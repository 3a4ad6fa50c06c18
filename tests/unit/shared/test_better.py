"""How probable it is that a model is truly better, against truths that are known."""

import time
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from shared.comparison import better
from shared.contracts.score import Score
from tests.support.examples import score

GRADES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1
)


def of(items: list[float]) -> Score:
    return score().model_copy(update={"items": tuple(items), "value": sum(items) / len(items)})


@given(GRADES)
def test_one_of_two_models_is_better_for_certain(grades: list[tuple[float, float]]) -> None:
    one, other = of([a for a, _ in grades]), of([b for _, b in grades])

    assert better(one, other) + better(other, one) == pytest.approx(1.0, abs=1e-9)
    assert better(one, one) == 0.5


@pytest.mark.parametrize(("won", "lost"), [(1, 0), (3, 0), (12, 5), (30, 30), (4, 9)])
def test_of_right_and_wrong_answers_it_is_the_test_of_mcnemar(won: int, lost: int) -> None:
    both = [1.0] * 20
    ours = of(both + [1.0] * won + [0.0] * lost)
    theirs = of(both + [0.0] * won + [1.0] * lost)

    tail = binom.sf(won, won + lost, 0.5) + binom.pmf(won, won + lost, 0.5) / 2

    assert better(ours, theirs) == pytest.approx(1 - tail, abs=0.03)


def test_a_few_items_make_nothing_certain() -> None:
    assert better(of([1.0]), of([0.0])) == pytest.approx(0.75, abs=0.03)
    assert better(of([0.4] * 3), of([0.3] * 3)) == pytest.approx(0.94, abs=0.03)
    assert better(of([0.4] * 30), of([0.3] * 30)) > 0.999


def graded(rng: np.random.Generator, skill: float, hard: np.ndarray) -> list[float]:
    """Grades in [0, 1] of a model that is that much above the items' difficulty."""
    return list(np.clip(skill - hard + 0.2 * rng.standard_normal(len(hard)), 0.0, 1.0))


def test_of_the_models_said_to_be_better_as_many_are() -> None:
    """Grades of known skills; what is said with 0.8 to 0.95 is true that often."""
    rng, said = np.random.default_rng(1), []
    for _ in range(2000):
        gain = rng.uniform(-0.15, 0.15)
        hard = rng.uniform(0.0, 0.8, 30)
        probability = better(of(graded(rng, 0.8 + gain, hard)), of(graded(rng, 0.8, hard)))
        said.append((max(probability, 1 - probability), (probability > 0.5) == (gain > 0.0)))
    for low, high in ((0.5, 0.65), (0.65, 0.8), (0.8, 0.95), (0.95, 1.01)):
        true = [right for one, right in said if low <= one < high]
        middle = float(np.mean([one for one, _ in said if low <= one < high]))
        assert len(true) >= 100
        assert np.mean(true) == pytest.approx(middle, abs=0.06)


def test_equal_models_are_hardly_ever_called_better() -> None:
    rng = Random(2)
    called = 0
    for _ in range(600):
        one, other = ([float(rng.random() < 0.6) for _ in range(50)] for _ in range(2))
        called += better(of(one), of(other)) > 0.95
    assert called / 600 == pytest.approx(0.05, abs=0.025)


def test_ten_thousand_items_take_no_time_to_speak_of() -> None:
    rng = np.random.default_rng(3)
    one, other = of(list(rng.random(10_000))), of(list(rng.random(10_000)))

    started = time.process_time()
    better(one, other)

    assert time.process_time() - started < 3.0


def test_scores_on_other_rows_are_not_compared() -> None:
    other = score().model_copy(update={"data_sha256": "2" * 64})

    with pytest.raises(ValueError, match="on different rows cannot be paired"):
        better(score(), other)
