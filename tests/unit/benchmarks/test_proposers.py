"""Searches with a language model beside rules, on a few games: what the benchmark measures on many.

The jobs are whole ones, of the planner itself, on tables of real runs.
"""

from statistics import fmean

import pytest

from benchmarks.proposers import ARMS, Arm, Played, lines, played

GAMES = [(task, seed) for task in ("dates", "times") for seed in range(3)]


def games_of(name: str) -> list[tuple[Arm, Played]]:
    arm = next(arm for arm in ARMS if arm.name == name)
    return [(arm, played(arm, task, seed)) for task, seed in GAMES]


@pytest.fixture(scope="module")
def rules() -> list[tuple[Arm, Played]]:
    return games_of("rules alone")


@pytest.mark.parametrize(
    "name", ["beside one that repeats a bad recipe", "beside one that varies bad recipes"]
)
def test_a_search_with_a_saboteur_ends_within_a_fifth_of_rules_alone(
    rules: list[tuple[Arm, Played]], name: str
) -> None:
    beside = games_of(name)

    ends = [fmean(game.truths[-1] for _, game in games) for games in (beside, rules)]

    assert ends[0] >= 0.8 * ends[1]
    assert all(game.by_model > 0 for _, game in beside)


def test_a_search_with_a_competent_model_needs_fewer_experiments(
    rules: list[tuple[Arm, Played]],
) -> None:
    beside = games_of("beside a competent model")

    (line,) = [one for one in lines([*rules, *beside]) if one.task == "all" and one.by_model > 0]

    assert line.needed_less > 0


def test_a_game_is_the_same_again() -> None:
    arm = next(arm for arm in ARMS if arm.name == "beside a competent model")

    assert played(arm, "dates", 3) == played(arm, "dates", 3)


def test_experiments_are_counted_until_the_score_is_reached() -> None:
    game = Played("dates", 0, (0.1, 0.3, 0.2, 0.5), by_model=0.0)

    assert [game.needed(truth) for truth in (0.1, 0.3, 0.4, 0.6)] == [1, 2, 4, 5]


def test_a_saboteur_that_is_asked_for_everything_does_ruin_a_search(
    rules: list[tuple[Arm, Played]],
) -> None:
    arm = next(arm for arm in ARMS if arm.name == "one that varies bad recipes alone")

    alone = played(arm, *GAMES[0])

    assert alone.truths[-1] < 0.8 * rules[0][1].truths[-1]
