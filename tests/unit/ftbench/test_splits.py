from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.splits import split_by_hash
from ftbench.task import Split

SHARES = {Split.DEV: 0.15, Split.CONFIRM: 0.15, Split.TEST: 0.7}


def test_splits_have_their_shares() -> None:
    drawn = Counter(split_by_hash("toy", f"group {i}", SHARES) for i in range(10_000))

    # Four standard deviations of a share of 10,000 are below 0.02.
    for split, share in SHARES.items():
        assert drawn[split] / 10_000 == pytest.approx(share, abs=0.02)


def test_a_group_has_been_in_the_same_split_since_the_first_release() -> None:
    drawn = [split_by_hash("toy", group, SHARES) for group in ("a", "b", "c", "劳动法", "")]

    assert drawn == [Split.TEST, Split.CONFIRM, Split.DEV, Split.TEST, Split.CONFIRM]


def test_the_same_group_of_another_task_is_drawn_anew() -> None:
    groups = [str(i) for i in range(200)]

    one, other = ([split_by_hash(task, g, SHARES) for g in groups] for task in ("one", "other"))

    assert one != other


def test_a_name_and_a_group_do_not_run_together() -> None:
    groups = range(200)

    one = [split_by_hash("a", f"b{i}", SHARES) for i in groups]
    other = [split_by_hash("ab", str(i), SHARES) for i in groups]

    assert one != other


@given(st.text())
def test_a_share_of_one_takes_all(group: str) -> None:
    assert split_by_hash("toy", group, {Split.TRAIN: 0.0, Split.TEST: 1.0}) is Split.TEST
    assert split_by_hash("toy", group, {Split.TRAIN: 1.0, Split.TEST: 0.0}) is Split.TRAIN


@given(st.text(), st.floats(0.0, 0.9), st.floats(0.0, 0.1))
def test_a_growing_first_share_only_takes_in(group: str, share: float, more: float) -> None:
    before, after = (
        split_by_hash("toy", group, {Split.TRAIN: part, Split.TEST: 1.0 - part})
        for part in (share, share + more)
    )

    assert after is Split.TRAIN or before is after


def test_what_rounding_leaves_over_goes_to_the_last() -> None:
    assert split_by_hash("toy", "a", {Split.TRAIN: 0.0, Split.DEV: 0.0}) is Split.DEV
