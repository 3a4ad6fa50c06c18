"""The negative controls pass and fail where they should."""

import pytest

from benchmarks.search.contestants import OURS
from benchmarks.search.controls import (
    ALIKE,
    LOST,
    SPENT,
    WORSE,
    Control,
    controls,
    table_of,
)
from benchmarks.search.rows import Row
from benchmarks.search.variants import CONTROLS

METHODS = (OURS, "PITS", "random drafts", "greedy")
LANDSCAPES = range(4)
A_BIT = 0.005
BUDGET = 20.0

Found = dict[tuple[str, str], float]
"""Of a variant and a method."""


def rows(regrets: Found | None = None, spent: Found | None = None) -> list[Row]:
    """Every method's rows: a regret of 0.5 and all of the budget, unless told otherwise."""
    return [
        {
            "method": method,
            "task": str(task),
            "cell": f"W4 s0.1 B{BUDGET:g}",
            "variant": variant,
            "seed": 0.0,
            "budget": BUDGET,
            "regret_recipe": (regrets or {}).get((variant, method), 0.5),
            "spent": BUDGET * (spent or {}).get((variant, method), 1.02),
            "acts": 30.0,
        }
        for variant in CONTROLS
        for method in METHODS
        for task in LANDSCAPES
    ]


def failed(found: list[Control]) -> list[str]:
    return [one.variant for one in found if not one.passed]


def test_all_pass_where_all_methods_are_equal() -> None:
    found = controls(rows())

    assert {one.variant for one in found} == set(CONTROLS)
    assert not failed(found)


@pytest.mark.parametrize("method", [OURS, "greedy"])
@pytest.mark.parametrize("sign", [1, -1])
def test_nobody_may_be_far_from_random_drafts_where_nothing_can_be_learned(
    method: str, sign: int
) -> None:
    near = controls(rows({("shuffled", method): 0.5 + sign * (ALIKE - A_BIT)}))
    far = controls(rows({("shuffled", method): 0.5 + sign * (ALIKE + A_BIT)}))

    assert not failed(near)
    assert failed(far) == ["shuffled"]
    assert method in next(one.found for one in far if one.variant == "shuffled")


def test_short_runs_that_say_nothing_may_not_cost_much() -> None:
    near = controls(rows({("shuffled short", OURS): 0.5 + LOST - A_BIT}))
    far = controls(rows({("shuffled short", OURS): 0.5 + LOST + A_BIT}))
    better = controls(rows({("shuffled short", OURS): 0.2}))

    assert not failed(near)
    assert failed(far) == ["shuffled short"]
    assert not failed(better)


@pytest.mark.parametrize("variant", ["noiseless", "repeating", "crashes"])
def test_ours_may_not_be_worse_than_random_drafts_where_it_is_hard(variant: str) -> None:
    near = controls(rows({(variant, OURS): 0.5 + WORSE - A_BIT}))
    far = controls(rows({(variant, OURS): 0.5 + WORSE + A_BIT}))
    others = controls(rows({(variant, "greedy"): 0.9, (variant, OURS): 0.1}))

    assert not failed(near)
    assert failed(far) == [variant]
    assert not failed(others)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("variant", ["noiseless", "crashes"])
def test_everybody_must_spend_the_budget(variant: str, method: str) -> None:
    nearly = controls(rows(spent={(variant, method): SPENT + A_BIT}))
    stopped = controls(rows(spent={(variant, method): SPENT - A_BIT}))

    assert not failed(nearly)
    assert failed(stopped) == [variant]


def test_one_game_that_ends_early_is_enough_to_fail() -> None:
    found = rows()
    early = next(row for row in found if row["variant"] == "crashes" and row["method"] == "greedy")
    early["spent"] = BUDGET / 2

    assert failed(controls(found)) == ["crashes"]


def test_with_a_repeating_researcher_only_ours_must_spend_the_budget() -> None:
    others = controls(rows(spent={("repeating", "greedy"): 0.2}))
    ours = controls(rows(spent={("repeating", OURS): 0.2}))

    assert not failed(others)
    assert failed(ours) == ["repeating"]


def test_the_table_names_what_failed() -> None:
    table = table_of(controls(rows({("crashes", OURS): 0.9})))

    lines = {line.split(" | ")[0].strip("| "): line for line in table.splitlines()[2:]}
    assert len(lines) == len(CONTROLS)
    assert [variant for variant, line in lines.items() if "**failed**" in line] == ["crashes"]
