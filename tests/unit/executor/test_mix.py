from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.executor.operators.mix import interleaved, quotas
from shared.rows import Sample

SOURCES = st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.01, 100.0)), min_size=1, max_size=5)


def numbered(name: str, count: int) -> list[Sample]:
    return [Sample(name, str(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("sizes", "weights", "temperature", "taken"),
    [
        ([100, 100], [1.0, 0.5], None, [100, 50]),
        ([100, 30], [1.0, 0.5], None, [60, 30]),
        ([100, 900], [1.0, 1.0], None, [100, 100]),
        ([100, 900], [1.0, 1.0], 1.0, [100, 900]),
        ([100, 900], [1.0, 1.0], 2.0, [100, 300]),
        ([5, 1000], [1.0, 0.001], None, [5, 1]),
    ],
)
def test_the_scarcest_source_is_taken_whole_and_the_others_in_proportion(
    sizes: list[int], weights: list[float], temperature: float | None, taken: list[int]
) -> None:
    assert quotas(sizes, weights, temperature) == taken


@settings(deadline=None)
@given(SOURCES, st.none() | st.floats(0.5, 10.0))
def test_nothing_is_taken_twice_and_something_of_each(
    sources: list[tuple[int, float]], temperature: float | None
) -> None:
    sizes = [size for size, _ in sources]
    taken = quotas(sizes, [weight for _, weight in sources], temperature)

    assert all(1 <= some <= size for some, size in zip(taken, sizes, strict=True))
    assert any(some == size for some, size in zip(taken, sizes, strict=True))


def test_sources_are_spread_evenly_and_each_keeps_its_order() -> None:
    many, few = numbered("many", 90), numbered("few", 10)

    mixed = list(interleaved([many, few], [90, 10]))

    assert [one for one in mixed if one.prompt == "many"] == many
    assert [one for one in mixed if one.prompt == "few"] == few
    for tenth in range(10):
        assert Counter(one.prompt for one in mixed[10 * tenth : 10 * tenth + 10])["few"] == 1
