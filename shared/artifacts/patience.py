"""Waiting for a store that is away: what was trained for hours is not thrown away for a minute."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.errors import Unavailable

logger = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")

PATIENCE_S = 900.0
"""Seconds a store may be away."""

LONGEST_S = 30.0
"""Longest pause between two attempts."""

AT_ONCE = 8
"""Files on the way at the same time."""


def patiently(
    call: Callable[[], T],
    *,
    go_on: Callable[[], None],
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return ``call()``, trying again while it raises `Unavailable`.

    Args:
        call: may be called several times.
        go_on: called before each attempt and while waiting; what it raises ends the waiting.
        patience_s: seconds of waiting after which the last `Unavailable` is raised.
        sleep: waits.
    """
    waited_s = 0.0
    for pause_s in _pauses():
        go_on()
        try:
            return call()
        except Unavailable as error:
            if waited_s >= patience_s:
                raise
            logger.warning("%s; trying again in %.0f s", error, pause_s)
        left_s = pause_s
        while left_s > 0:
            sleep(min(1.0, left_s))
            left_s -= 1.0
            go_on()
        waited_s += pause_s
    raise AssertionError("pauses never end")


def each(call: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """Return ``call`` of each item, several at once. After an error the rest is not begun."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(call, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _pauses() -> Iterator[float]:
    pause_s = 1.0
    while True:
        yield random.uniform(pause_s / 2, pause_s)
        pause_s = min(2 * pause_s, LONGEST_S)
