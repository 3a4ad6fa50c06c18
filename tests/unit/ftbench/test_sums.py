import math
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.metrics.sums import (
    RESAMPLES,
    MeanOf,
    Metric,
    Ratio,
    Sums,
    Unit,
    standard_error,
    total,
)

ACCURACY = Ratio("correct", "n")
MONTE_CARLO = 4 / math.sqrt(2 * RESAMPLES)
"""Four relative standard errors of a standard error from so many resamples."""

values = st.floats(0.0, 1.0).map(lambda value: round(value, 3))


def bootstrapped(metric: Metric) -> Metric:
    """Hide that a metric is a ratio, so that it has no closed form."""
    return MeanOf((metric,))


def single(value: float, stratum: str = "") -> Unit:
    return Unit(stratum, {"correct": value, "n": 1.0})


def error_of(metric: Metric, units: list[Unit]) -> float:
    error = standard_error(metric, units)
    assert error is not None
    return error


def test_a_ratio_divides_one_sum_by_another() -> None:
    assert ACCURACY({"correct": 3.0, "n": 4.0}) == 0.75
    assert ACCURACY({"n": 4.0}) == 0.0


@pytest.mark.parametrize("sums", [{}, {"correct": 3.0}, {"correct": 3.0, "n": 0.0}])
def test_a_ratio_over_nothing_is_none(sums: Sums) -> None:
    assert ACCURACY(sums) is None


def test_a_mean_of_parts_weighs_each_alike() -> None:
    mean = MeanOf((Ratio("a", "an"), Ratio("b", "bn")))

    assert mean({"a": 1.0, "an": 1.0, "b": 100.0, "bn": 1000.0}) == pytest.approx(0.55)


def test_a_mean_of_parts_is_none_when_a_part_is() -> None:
    mean = MeanOf((Ratio("a", "an"), Ratio("b", "bn")))

    assert mean({"a": 1.0, "an": 1.0}) is None
    assert mean({"a": 1.0, "an": 1.0, "bn": 2.0}) == 0.5


def test_counts_are_summed_by_their_names() -> None:
    assert total([{"a": 1.0, "b": 2.0}, {"b": 0.5, "c": 4.0}]) == {"a": 1.0, "b": 2.5, "c": 4.0}
    assert total([]) == {}


def test_the_error_of_a_mean_of_items_is_the_usual_one() -> None:
    items = [0.0, 0.25, 1.0, 1.0, 0.5]

    error = error_of(ACCURACY, [single(value) for value in items])

    assert error == pytest.approx(stdev(items) / math.sqrt(5), rel=1e-12)


@given(st.lists(values, min_size=2, max_size=30))
def test_every_mean_of_items_has_the_usual_error(items: list[float]) -> None:
    error = error_of(ACCURACY, [single(value) for value in items])

    assert error == pytest.approx(stdev(items) / math.sqrt(len(items)), rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(values, st.integers(1, 9)), min_size=2, max_size=30))
def test_the_error_of_a_ratio_scales_with_the_ratio(groups: list[tuple[float, int]]) -> None:
    units = [Unit("", {"correct": value * n, "n": n}) for value, n in groups]
    tripled = [Unit("", {"correct": 3 * value * n, "n": n}) for value, n in groups]

    assert error_of(ACCURACY, tripled) == pytest.approx(3 * error_of(ACCURACY, units), abs=1e-12)


def test_groups_of_unequal_sizes_have_cochrans_error() -> None:
    units = [
        Unit("", {"correct": 1.0, "n": 2.0}),
        Unit("", {"correct": 3.0, "n": 3.0}),
        Unit("", {"correct": 0.0, "n": 1.0}),
    ]
    # The ratio is 4/6, the residuals are 1 - 4/3, 3 - 2 and 0 - 2/3; their squares sum to 14/9.
    expected = math.sqrt(3 / 2 * 14 / 9) / 6

    assert error_of(ACCURACY, units) == pytest.approx(expected, rel=1e-12)


def test_groups_that_count_nothing_towards_a_ratio_do_not_change_its_error() -> None:
    units = [single(value) for value in (0.0, 1.0, 1.0, 0.5)]
    others = [Unit("", {"other": 1.0, "other.n": 1.0}), Unit("", {"correct": 0.0, "n": 0.0})]

    assert error_of(ACCURACY, units + others) == error_of(ACCURACY, units)


def test_the_bootstrap_agrees_with_the_closed_form() -> None:
    units = [
        Unit("", {"correct": float(i * i % 7 % (i % 3 + 2)), "n": float(i % 3 + 1)})
        for i in range(60)
    ]

    drawn = error_of(bootstrapped(ACCURACY), units)

    # Drawing n again from n is narrower than drawing from the world by sqrt((n - 1) / n).
    assert drawn * math.sqrt(60 / 59) == pytest.approx(error_of(ACCURACY, units), rel=MONTE_CARLO)


def test_the_bootstrap_gives_the_same_error_every_time() -> None:
    units = [single(i % 3 / 2) for i in range(20)]

    assert error_of(bootstrapped(ACCURACY), units) == error_of(bootstrapped(ACCURACY), units)


@pytest.mark.parametrize("metric", [ACCURACY, bootstrapped(ACCURACY)])
def test_items_that_rise_and_fall_together_are_less_sure(metric: Metric) -> None:
    alone = [single(float(i % 2)) for i in range(80)]
    grouped = [Unit("", {"correct": 4.0 * (i % 2), "n": 4.0}) for i in range(20)]

    assert error_of(metric, grouped) == pytest.approx(2 * error_of(metric, alone), rel=0.15)


def test_strata_are_drawn_apart() -> None:
    # Within a stratum all are alike, so which are drawn makes no difference.
    apart = [single(1.0, "easy")] * 10 + [single(0.0, "hard")] * 10
    mixed = [single(1.0)] * 10 + [single(0.0)] * 10

    assert standard_error(bootstrapped(ACCURACY), apart) == 0.0
    assert error_of(bootstrapped(ACCURACY), mixed) > 0.1


def test_a_mean_of_parts_is_as_unsure_as_its_parts_together() -> None:
    parts = {"a": [0.0, 1.0] * 20, "b": [0.0, 0.2, 0.4, 0.9] * 10}
    units = [
        Unit(name, {f"{name}.c": value, f"{name}.n": 1.0})
        for name, items in parts.items()
        for value in items
    ]
    ratios = tuple(Ratio(f"{name}.c", f"{name}.n") for name in parts)
    by_parts = math.hypot(*(error_of(ratio, units) for ratio in ratios)) / 2

    assert error_of(MeanOf(ratios), units) == pytest.approx(by_parts, rel=MONTE_CARLO)


@pytest.mark.parametrize("metric", [ACCURACY, bootstrapped(ACCURACY)])
@pytest.mark.parametrize("units", [[], [single(1.0)]])
def test_fewer_than_two_groups_have_no_error(metric: Metric, units: list[Unit]) -> None:
    assert standard_error(metric, units) is None


@pytest.mark.parametrize("metric", [ACCURACY, bootstrapped(ACCURACY)])
def test_two_groups_have_an_error(metric: Metric) -> None:
    assert error_of(metric, [single(0.0), single(1.0)]) > 0.3


def test_a_group_in_which_nothing_was_right_counts_all_the_same() -> None:
    wrong = Unit("", {"n": 1.0})

    assert error_of(ACCURACY, [single(1.0), wrong]) == pytest.approx(0.5)


def test_a_ratio_that_only_one_group_counts_towards_has_no_error() -> None:
    assert standard_error(ACCURACY, [single(1.0), Unit("", {"other": 1.0})]) is None


def test_a_metric_that_is_never_known_has_no_error() -> None:
    assert standard_error(MeanOf((ACCURACY, Ratio("b", "bn"))), [single(1.0)] * 3) is None


def test_a_metric_that_is_known_in_some_draws_has_the_error_of_those() -> None:
    units = [single(1.0), single(0.0), Unit("", {"rare": 1.0})]

    def where_rare(sums: Sums) -> float | None:
        return ACCURACY(sums) if sums.get("rare") else None

    assert error_of(where_rare, units) > 0.1


def test_one_group_of_each_kind_says_nothing_about_the_doubt() -> None:
    both = MeanOf((Ratio("a", "n"), Ratio("b", "n")))
    units = [Unit("one", {"a": 1.0, "n": 1.0}), Unit("other", {"b": 1.0, "n": 1.0})]

    assert standard_error(both, units) is None
