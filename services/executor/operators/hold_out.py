"""Chooses the samples that training does not see, so that loss can be measured on them."""

import heapq
import random

MIN_SAMPLES = 20
"""Of fewer samples none is held out: training needs them more than a curve of two points does."""


def hold_out(count: int, *, share: float, max_samples: int, seed: int) -> frozenset[int]:
    """Return the places, from 0, of the samples to set aside out of ``count``.

    A ``share`` in (0, 1) of them, at least one, at most ``max_samples``, and never all of them;
    none when there are fewer than `MIN_SAMPLES`. The same seed chooses the same places on every
    machine. Places rather than samples, because how many to set aside is known only after the last
    sample has passed, and there may be more of those than fit in memory.
    """
    if count < MIN_SAMPLES:
        return frozenset()
    wanted = min(max(1, round(count * share)), max_samples, count - 1)
    # Of `random`, only `random()` promises the same numbers in every version of Python.
    draw = random.Random(f"hold_out {seed}").random
    draws = ((draw(), place) for place in range(count))
    return frozenset(place for _, place in heapq.nsmallest(wanted, draws))
