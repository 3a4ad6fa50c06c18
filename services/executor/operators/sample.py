"""Keeps a random share of the samples."""

import random
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def sample(samples: Iterable[T], *, share: float, seed: int) -> Iterator[T]:
    """Yield about ``share`` of the samples, in (0, 1], in order; at least one if one arrives.

    A sample's place in the stream and the seed decide its fate, so the same seed keeps the same
    samples on every machine, and a smaller share keeps a part of what a larger one keeps. Lazy:
    holds one sample, the one to keep if luck keeps none.
    """
    # Of `random`, only `random()` promises the same numbers in every version of Python.
    draw = random.Random(f"sample {seed}").random
    luckiest: tuple[float, T] | None = None
    kept_any = False
    for candidate in samples:
        luck = draw()
        if luck < share:
            kept_any = True
            yield candidate
        elif not kept_any and (luckiest is None or luck < luckiest[0]):
            luckiest = luck, candidate
    if luckiest is not None and not kept_any:
        yield luckiest[1]
