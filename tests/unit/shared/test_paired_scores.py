"""Comparing two scores item by item, on all items or on those that both answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.comparison import paired_difference
from shared.contracts.score import (
    LEAST_ITEMS,
    Score,
    positions,
)
from tests.support.examples import score


def of(items: list[float], *, share: float = 1.0) -> Score:
    changed = {"items": tuple(items), "value": sum(items) / len(items), "item_share": share}
    return score().model_copy(update=changed)


@given(st.integers(1, 500), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_a_smaller_share_is_part_of_a_larger_one(items: int, one: float, other: float) -> None:
    small, large = sorted((one, other))

    assert set(positions(items, small)) <= set(positions(items, large))


def test_a_share_keeps_its_part_of_the_items_and_never_too_few() -> None:
    assert len(positions(300, 1 / 3)) == 100
    assert len(positions(300, 0.001)) == LEAST_ITEMS
    assert positions(7, 0.5) == tuple(range(7))
    assert positions(300, 1.0) == tuple(range(300))


def test_scores_of_different_shares_are_compared_on_the_items_both_answered() -> None:
    whole = of([float(i % 2) for i in range(60)])
    kept = positions(60, 0.5)
    part = of([1.0] * len(kept), share=0.5)

    difference, stderr = paired_difference(part, whole)

    wrong = sum(i % 2 == 0 for i in kept)
    assert difference == pytest.approx(wrong / len(kept))
    assert stderr is not None
    assert paired_difference(whole, part)[0] == pytest.approx(-difference)


def test_a_part_of_few_items_is_all_of_them() -> None:
    few = of([1.0, 0.0, 1.0], share=1 / 9)
    whole = of([1.0, 1.0, 1.0])

    assert paired_difference(whole, few)[0] == pytest.approx(1 / 3)
    assert paired_difference(few, whole)[0] == pytest.approx(-1 / 3)


def test_two_scores_of_different_parts_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="one must be on all items"):
        paired_difference(of([1.0] * 30, share=0.5), of([1.0] * 20, share=0.3))
