"""What is told of a score on rows that are looked at again."""

from random import Random
from statistics import fmean, pvariance

import pytest

from services.evaluator.ladder import told_coarsely
from shared.contracts.score import BadCase, Fault
from tests.support.examples import score


def test_the_value_is_rounded_to_a_power_of_two_below_half_its_standard_error() -> None:
    told = told_coarsely(score(0.3).model_copy(update={"value": 0.3141, "stderr": 0.05}))

    assert told.value == 20 / 64  # half of 0.05 is 0.025, and 1/64 is the power below
    assert told.stderr == 6 / 128


def test_the_items_stay_with_the_evaluator_and_are_still_counted() -> None:
    told = told_coarsely(score(0.3, n=40))

    assert (told.items, told.n) == ((), 40)


def test_rounding_adds_a_48th_of_the_variance_at_most() -> None:
    rng, stderr = Random(0), 0.0625  # the largest step that half of a standard error allows
    errors = []
    for _ in range(4000):
        exact = rng.uniform(0.2, 0.8)
        measured = score(0.3).model_copy(update={"value": exact, "stderr": stderr})
        errors.append(told_coarsely(measured).value - exact)

    assert abs(fmean(errors)) < 0.001
    assert pvariance(errors) == pytest.approx(stderr**2 / 48, rel=0.05)


@pytest.mark.parametrize("value", [0.0, 0.004, 0.996, 1.0])
def test_a_rounded_value_is_a_score_still(value: float) -> None:
    told = told_coarsely(score(0.3).model_copy(update={"value": value, "stderr": 0.03}))

    assert 0.0 <= told.value <= 1.0


@pytest.mark.parametrize("stderr", [None, 0.0])
def test_a_score_without_a_doubt_is_told_as_it_is(stderr: float | None) -> None:
    told = told_coarsely(score(1.0).model_copy(update={"stderr": stderr}))

    assert (told.value, told.stderr, told.items) == (1.0, stderr, ())


def test_nothing_else_that_rows_say_is_told() -> None:
    fault = Fault(kind="wrong", count=1, examples=(BadCase(prompt="p", expected="e", got="g"),))
    exact = {"likelihood": 0.123456789, "faults": (fault,)}

    told = told_coarsely(score(0.3).model_copy(update=exact))

    assert (told.likelihood, told.faults, told.confusions) == (None, (), ())
