from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.executor.operators.labels import balanced, share_of_each
from shared.errors import DataFailed

LABELS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60)


def kept(labels: list[str], keep: "np.typing.NDArray[np.bool_]") -> Counter[str]:
    return Counter(label for label, kept in zip(labels, keep, strict=True) if kept)


def test_a_share_of_each_label_is_kept_and_at_least_one() -> None:
    labels = ["yes"] * 80 + ["no"] * 20 + ["rare"]

    assert kept(labels, share_of_each(labels, share=0.25, seed=0)) == {
        "yes": 20,
        "no": 5,
        "rare": 1,
    }


def test_white_space_makes_no_other_label() -> None:
    labels = ["yes", " yes", "yes\n", "yes "]

    assert share_of_each(labels, share=0.25, seed=0).sum() == 1


def test_a_smaller_share_of_each_label_is_a_part_of_a_larger_one() -> None:
    labels = ["yes", "no", "no"] * 50

    small, large = (share_of_each(labels, share=share, seed=3) for share in (0.1, 0.4))

    assert small.sum() < large.sum()
    assert not (small & ~large).any()


def test_the_same_seed_chooses_the_same_of_each_label_on_every_machine() -> None:
    labels = ["yes", "no"] * 10

    assert list(np.flatnonzero(share_of_each(labels, share=0.2, seed=7))) == [0, 3, 15, 16]
    assert list(np.flatnonzero(share_of_each(labels, share=0.2, seed=8))) == [0, 1, 15, 18]


def test_the_most_frequent_labels_are_cut_and_the_others_left() -> None:
    labels = ["yes"] * 90 + ["no"] * 6 + ["?"] * 4

    assert kept(labels, balanced(labels, max_share=0.6, seed=0)) == {"yes": 15, "no": 6, "?": 4}


@settings(deadline=None)
@given(LABELS, st.integers(20, 100).map(lambda percent: percent / 100))
def test_balance_keeps_as_many_as_the_share_allows(labels: list[str], max_share: float) -> None:
    counts = Counter(labels)
    if max_share * len(counts) < 1:
        with pytest.raises(DataFailed, match="raise max_share to at least"):
            balanced(labels, max_share=max_share, seed=0)
        return

    left = kept(labels, balanced(labels, max_share=max_share, seed=0))

    def fits(cap: int) -> bool:
        total = sum(min(count, cap) for count in counts.values())
        return min(cap, max(counts.values())) <= max_share * total * (1 + 1e-9)

    cap = max(left.values())
    assert left == {label: min(count, cap) for label, count in counts.items()}
    assert fits(cap)
    assert cap == max(counts.values()) or not fits(cap + 1)
