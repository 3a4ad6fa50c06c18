"""Chooses samples label by label; a label is a completion, surrounding white space aside."""

import math
import random
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataFailed

_SLACK = 1 + 1e-9  # 49 times a forty-ninth is a little less than 1


def share_of_each(labels: Iterable[str], *, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which samples to keep: about ``share``, in (0, 1], of each label, at least one.

    A smaller share keeps a part of what a larger one keeps. The same seed keeps the same samples on
    every machine.
    """
    codes, counts = _counted(labels)
    quota = np.maximum(1, np.rint(counts * share)).astype(np.int64)
    return _luckiest(codes, quota, seed)


def balanced(labels: Iterable[str], *, max_share: float, seed: int) -> NDArray[np.bool_]:
    """Return which samples to keep so that no label has more than ``max_share`` of them.

    As many as possible. The same seed keeps the same samples on every machine.

    Raises:
        DataFailed: there are too few labels for such a share.
    """
    codes, counts = _counted(labels)
    if _SLACK * max_share * len(counts) < 1:
        raise DataFailed(
            f"balance: wanted labels of which none has a share over {max_share}, found only "
            f"{len(counts)}; raise max_share to at least {math.ceil(1000 / len(counts)) / 1000}"
        )
    return _luckiest(codes, np.minimum(counts, _cap(counts, max_share)), seed)


def luckiest(count: int, quota: int, *, seed: int) -> NDArray[np.bool_]:
    """Return which ``quota`` of ``count`` samples to keep, the same for a seed on every machine."""
    return _luckiest(np.zeros(count, dtype=np.int64), np.array([quota]), seed)


def _cap(counts: NDArray[np.int64], max_share: float) -> int:
    """Return the most samples a label may keep.

    What a cap exceeds its share by is convex in the cap and 0 at 0: all caps below a good one are
    good, so bisection finds the best.
    """
    good, bad = 1, int(counts.max()) + 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if middle <= _SLACK * max_share * int(np.minimum(counts, middle).sum()):
            good = middle
        else:
            bad = middle
    return good


def _counted(labels: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    numbers: dict[str, int] = {}
    codes = np.fromiter(
        (numbers.setdefault(label.strip(), len(numbers)) for label in labels), dtype=np.int64
    )
    return codes, np.bincount(codes, minlength=len(numbers))


def _luckiest(codes: NDArray[np.int64], quota: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    # Of `random`, only `random()` promises the same numbers in every version of Python.
    draw = random.Random(f"labels {seed}").random
    luck = np.fromiter((draw() for _ in range(len(codes))), dtype=np.float64, count=len(codes))
    by_label = np.lexsort((luck, codes))
    starts = np.concatenate(([0], np.cumsum(np.bincount(codes))[:-1]))
    ranks = np.arange(len(codes)) - starts[codes[by_label]]
    keep = np.zeros(len(codes), dtype=np.bool_)
    keep[by_label] = ranks < quota[codes[by_label]]
    return keep
