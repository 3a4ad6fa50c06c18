"""The highest indexes, against looking at all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner import ranking as module
from services.planner.ranking import Ranking

INDEXES = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0])  # few, so that many are equal
Change = int | float | list[float]


def naive(indexes: list[float], count: int) -> list[int]:
    possible = [node for node, index in enumerate(indexes) if index >= 0]
    return sorted(possible, key=lambda node: (-indexes[node], node))[:count]


def ranking(*indexes: float) -> Ranking:
    """A ranking of a root, which is never chosen, and nodes of these indexes."""
    made = Ranking()
    for node, index in enumerate(indexes, start=1):
        made.append()
        made.set(node, index)
    return made


@given(
    st.sampled_from([1, 3, 1000]),
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.just(0), INDEXES),
            st.tuples(st.just("set"), st.integers(0, 20), INDEXES),
            st.tuples(st.just("set"), st.integers(0, 20), INDEXES),
            st.tuples(st.just("refresh"), st.integers(0, 6), INDEXES),
            st.tuples(st.just("top"), st.integers(1, 4), INDEXES),
        ),
        max_size=60,
    ),
)
@settings(deadline=None, max_examples=150)
def test_the_top_is_what_looking_at_every_index_gives(
    best: int, changes: list[tuple[str, int, float]]
) -> None:
    ranking, indexes = Ranking(), [-1.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEAST", best)
        for change, number, index in changes:
            match change:
                case "append":
                    ranking.append()
                    indexes.append(-1.0)
                case "set":
                    ranking.set(number % len(indexes), index)
                    indexes[number % len(indexes)] = index
                case "refresh":  # all anew: turned by some places
                    indexes = [*indexes[number:], *indexes[:number]]
                    ranking.replace_all(np.array(indexes))
                case "top":
                    assert ranking.top(number) == naive(indexes, number)

        assert ranking.top(3) == naive(indexes, 3)
        assert ranking.top(len(indexes)) == naive(indexes, len(indexes))


def test_looking_changes_nothing() -> None:
    ranks = ranking(0.1, 0.3, 0.2)

    assert [ranks.top(2) for _ in range(3)] == [[2, 3]] * 3


def test_of_equals_the_older_comes_first_whenever_it_was_set() -> None:
    ranks = ranking(0.5, 0.5, 0.5)
    ranks.replace_all(np.array([-1.0, 0.5, 0.5, 0.5]))

    ranks.set(1, 0.5)

    assert ranks.top(3) == [1, 2, 3]


def test_what_cannot_be_done_any_more_is_not_found() -> None:
    ranks = ranking(0.5, 0.4)

    ranks.set(1, -1.0)

    assert ranks.top(2) == [2]


def test_what_is_set_to_the_same_index_twice_is_found_once() -> None:
    ranks = ranking(0.5, 0.4)

    ranks.set(1, 0.5)

    assert ranks.top(3) == [1, 2]


def test_of_equals_none_is_kept_out_of_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST", 1)
    ranks = ranking(0.5, 0.5, 0.5)

    ranks.replace_all(np.array([-1.0, 0.5, 0.5, 0.5]))

    assert ranks.top(1) == [1]
