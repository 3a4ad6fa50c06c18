from itertools import chain, repeat

import pytest

from shared.artifacts.patience import each, patiently
from shared.errors import Unavailable


def test_a_store_that_comes_back_is_waited_for() -> None:
    outages = iter([Unavailable("away"), Unavailable("away")])
    slept: list[float] = []

    def call() -> str:
        for outage in outages:
            raise outage
        return "done"

    assert patiently(call, go_on=lambda: None, sleep=slept.append) == "done"
    assert len(slept) >= 2


def test_a_store_that_stays_away_is_given_up() -> None:
    slept: list[float] = []

    def call() -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable, match="away"):
        patiently(call, go_on=lambda: None, patience_s=100, sleep=slept.append)
    assert 100 <= sum(slept) <= 150


def test_nobody_waits_for_what_is_not_wanted_any_more() -> None:
    wanted = chain([True, True], repeat(False))

    def call() -> None:
        raise Unavailable("away")

    def go_on() -> None:
        if not next(wanted):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patiently(call, go_on=go_on, sleep=lambda _: None)


def test_after_an_error_the_rest_is_not_begun() -> None:
    begun: list[int] = []

    def call(item: int) -> None:
        begun.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        each(call, range(1000))
    assert len(begun) < 1000
