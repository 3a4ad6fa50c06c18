"""How many executors each job may keep busy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.sharing import shares
from shared.contracts.base import JobId


def share(weights: list[float], workers: int) -> list[int]:
    return list(shares({JobId(str(n)): w for n, w in enumerate(weights)}, workers).values())


@pytest.mark.parametrize(
    ("weights", "workers", "given"),
    [
        ([1.0], 4, [4]),
        ([1.0, 1.0], 4, [2, 2]),
        ([3.0, 1.0], 4, [3, 1]),
        ([1.0, 1.0, 1.0], 4, [2, 1, 1]),
        ([0.5, 1.0], 6, [2, 4]),
    ],
)
def test_workers_are_shared_in_proportion_to_weights(
    weights: list[float], workers: int, given: list[int]
) -> None:
    assert share(weights, workers) == given


def test_no_job_starves_however_small_its_weight() -> None:
    assert share([100.0, 0.1], 4) == [4, 1]
    assert share([1.0, 1.0, 1.0], 0) == [1, 1, 1]


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=8), st.integers(0, 64))
def test_no_worker_is_left_without_a_job(weights: list[float], workers: int) -> None:
    given = share(weights, workers)

    assert sum(given) >= workers
    assert min(given) >= 1
