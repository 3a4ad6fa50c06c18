"""Intervals, corrections, ranks and curves, on cases that can be done by hand."""

import math

import pytest

from benchmarks.search.statistics import (
    area,
    band,
    holm,
    paired_difference,
    ranks,
    share_to_reach,
)

Pairs = dict[tuple[str, str], float]


def pairs(**tasks: list[float]) -> Pairs:
    """Number the games of each task."""
    return {
        (task, f"game {n}"): value
        for task, values in tasks.items()
        for n, value in enumerate(values)
    }


def zeros(like: Pairs) -> Pairs:
    return dict.fromkeys(like, 0.0)


def test_a_constant_difference_has_an_interval_without_width() -> None:
    first = pairs(a=[0.1, 0.2, 0.3], b=[0.4, 0.5, 0.6])

    found = paired_difference(first, {pair: value + 0.25 for pair, value in first.items()})

    assert (found.mean, found.low, found.high) == pytest.approx((-0.25, -0.25, -0.25))
    assert found.p == pytest.approx(2 / 10_001)


def test_a_method_does_not_differ_from_itself() -> None:
    mine = pairs(a=[0.1, 0.7], b=[0.4])

    found = paired_difference(mine, mine)

    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_other_way_round_the_difference_is_mirrored() -> None:
    first, second = pairs(a=[0.1, 0.7, 0.2], b=[0.4, 0.3]), pairs(a=[0.3, 0.6, 0.4], b=[0.6, 0.2])

    there, back = paired_difference(first, second), paired_difference(second, first)

    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))
    assert there.p == back.p


def test_only_what_both_played_is_compared() -> None:
    first, second = pairs(a=[1.0, 5.0], b=[9.0]), pairs(a=[0.5], c=[2.0])

    assert paired_difference(first, second).mean == 0.5


def test_without_a_common_pair_there_is_no_difference() -> None:
    with pytest.raises(ValueError, match="found none"):
        paired_difference(pairs(a=[1.0]), pairs(b=[1.0]))


def test_many_games_of_two_tasks_that_disagree_decide_nothing() -> None:
    split = pairs(a=[1.0] * 300, b=[-1.0] * 300)

    found = paired_difference(split, zeros(split))

    assert (found.mean, found.low, found.high) == (0, -1, 1)


def test_of_a_single_task_the_games_are_resampled() -> None:
    games = pairs(a=[1.0, -1.0] * 100)

    found = paired_difference(games, zeros(games))

    assert (found.low, found.high) == pytest.approx((-1.96 / 200**0.5, 1.96 / 200**0.5), abs=0.01)


def test_a_task_that_is_drawn_twice_has_its_games_drawn_twice() -> None:
    # Were they drawn once, the interval would be sqrt(2 - 1 / 10) times as wide.
    games = pairs(**{f"task {n}": [1.0, -1.0] * 5 for n in range(10)})

    found = paired_difference(games, zeros(games))

    assert found.high == pytest.approx(1.96 / 100**0.5, abs=0.015)


def test_every_game_counts_the_same_where_tasks_have_different_numbers() -> None:
    uneven = pairs(a=[1.0], b=[0.0, 0.0, 0.0])

    found = paired_difference(uneven, zeros(uneven))

    # Drawn are a and a (mean 1), a and b (1/4) twice as often, b and b (0): a quarter is at most 0.
    assert (found.mean, found.low, found.high) == (0.25, 0, 1)
    assert found.p == pytest.approx(0.5, abs=0.03)


def test_the_p_value_agrees_with_the_interval() -> None:
    for shift in (0.05, 0.1, 0.15, 0.2, 0.25):
        games = pairs(a=[shift + 1, shift - 1] * 100)

        found = paired_difference(games, zeros(games))

        assert (found.p < 0.05) == (found.low > 0)


def test_a_band_holds_the_mean_and_widens_where_tasks_disagree() -> None:
    low, high = band([[0.5, 0.0, 0.4], [0.5, 1.0, 0.6]])

    assert low == pytest.approx([0.5, 0.0, 0.4])
    assert high == pytest.approx([0.5, 1.0, 0.6])


def test_a_band_narrows_with_the_number_of_tasks() -> None:
    low, high = band([[1.0], [-1.0]] * 50)

    assert (low[0], high[0]) == pytest.approx((-0.196, 0.196), abs=0.02)


def test_holm_multiplies_by_how_many_are_left_and_never_falls() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})

    assert corrected == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_holm_stays_a_probability() -> None:
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_ranks_are_averaged_over_tasks_and_shared_by_equals() -> None:
    found = ranks({"a": [0.1, 0.5], "b": [0.2, 0.5], "c": [0.3, 0.9]})

    assert found.mean == {"a": 1.25, "b": 1.75, "c": 3.0}


def test_friedman_and_nemenyi_agree_with_the_hand_and_the_table() -> None:
    found = ranks({"a": [1, 1, 1, 1], "b": [2, 2, 2, 2], "c": [3, 3, 3, 3]})

    # Chi squared: 12 / (4 * 3 * 4) * (4^2 + 8^2 + 12^2) - 3 * 4 * 4 = 8, with 2 degrees of freedom.
    assert found.p == pytest.approx(math.exp(-8 / 2))
    # Demšar 2006, table 5: q for 3 methods is 2.343.
    assert found.critical == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 4)), abs=1e-3)


@pytest.mark.parametrize(
    "regrets",
    [{"a": [0.1, 0.1], "b": [0.1, 0.1], "c": [0.1, 0.1]}, {"a": [0.1, 0.1], "b": [0.2, 0.3]}],
    ids=["no difference", "two methods"],
)
def test_where_friedman_cannot_test_nothing_is_claimed(regrets: dict[str, list[float]]) -> None:
    assert ranks(regrets).p == 1


def test_the_area_is_the_mean_over_the_logarithm_of_the_budget() -> None:
    assert area([1.0, 0.0], [0.1, 1.0]) == pytest.approx(0.5)
    assert area([1.0, 0.0, 0.0], [0.01, 0.1, 1.0]) == pytest.approx(0.25)
    assert area([0.3, 0.3, 0.3], [0.1, 0.7, 1.0]) == pytest.approx(0.3)


def test_a_regret_is_reached_between_two_points_by_the_logarithm() -> None:
    assert share_to_reach([1.0, 0.0], [0.1, 1.0], goal=0.5) == pytest.approx(0.1**0.5)
    assert share_to_reach([0.9, 0.6, 0.2], [0.25, 0.5, 1.0], goal=0.6) == pytest.approx(0.5)


def test_a_regret_is_reached_where_the_curve_first_comes_down_to_it() -> None:
    assert share_to_reach([0.4, 0.1, 0.5, 0.1], [0.1, 0.2, 0.5, 1.0], goal=0.1) == 0.2


def test_what_is_reached_at_once_took_the_first_share_and_what_never_is_more_than_all() -> None:
    assert share_to_reach([0.4, 0.1], [0.1, 1.0], goal=0.5) == 0.1
    assert share_to_reach([0.4, 0.1], [0.1, 1.0], goal=0.05) == math.inf
