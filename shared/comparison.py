"""Comparing two models by their results on the same items.

Shared because the planner's report and the researcher's diagnosis must agree on what is better.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev

import numpy as np

from shared.contracts.score import Score, positions

CONFIDENCE = 1.96
"""Standard errors a difference must reach to count: 19 of 20 differences by chance do not."""

DRAWS = 4000
"""Of `better`: its own error is below 0.01."""

_AT_ONCE = 100  # draws that memory holds, whatever the items


def paired_difference(a: Score, b: Score) -> tuple[float, float | None]:
    """Return how much better ``a`` is than ``b``, and the standard error (None for one item).

    Pairing removes what makes items hard for both models, so the error is smaller than that of two
    separate means. It is the error of a mean over items, and approximate for a metric that is none.
    Scores of different shares of the same rows are compared on the items both answered.

    Raises:
        ValueError: the scores are not on the same rows.
    """
    ours, theirs = paired(a, b)
    differences = [x - y for x, y in zip(ours, theirs, strict=True)]
    n = len(differences)
    stderr = stdev(differences) / math.sqrt(n) if n > 1 else None
    return (a.value - b.value if a.n == b.n else fmean(differences)), stderr


def paired(a: Score, b: Score) -> tuple[Sequence[float], Sequence[float]]:
    """Return the results of the items that both answered, item by item.

    Raises:
        ValueError: the scores are not on the same rows, or the evaluator withholds their items.
    """
    if a.withheld or b.withheld:
        raise ValueError("scores whose items are withheld cannot be paired")
    if a.data_sha256 != b.data_sha256:
        raise ValueError(f"scores on different rows cannot be paired ({a.n} and {b.n} items)")
    if a.item_share == b.item_share:
        if a.n != b.n:
            raise ValueError(f"scores of {a.n} and {b.n} items cannot be paired")
        return a.items, b.items
    # Not by their items: a small data set is answered in full at any share.
    small, large = (a, b) if a.item_share < b.item_share else (b, a)
    if large.item_share < 1.0:
        raise ValueError("of two scores on different shares one must be on all items")
    kept = [large.items[i] for i in positions(large.n, small.item_share)]
    if len(kept) != small.n:
        raise ValueError(f"wanted {len(kept)} items of {large.n}, found {small.n}")
    return (a.items, kept) if small is a else (kept, b.items)


@lru_cache(maxsize=256)  # views of a job ask for the same ones again and again
def better(a: Score, b: Score) -> float:
    """Return the probability that ``a`` is truly better than ``b``, in [0, 1]; 0.5 for equals.

    ``better(a, b) + better(b, a) = 1``. It is the chance that the mean of the paired differences is
    above zero when their items are weighted anew at random: Rubin, "The Bayesian bootstrap", 1981.
    Two differences are added, one for each model and as large as the others in the root mean
    square, so that a few items cannot make anything certain. Of items that are right or wrong the
    answer is one minus McNemar's mid-p: Fagerland, Lydersen and Laake, "The McNemar test for binary
    matched-pairs data", 2013. Beforehand, gains of any size count as equally likely; the luck of
    training seeds is not in it.

    Raises:
        ValueError: the scores are not on the same rows.
    """
    ours, theirs = paired(a, b)
    differences = np.subtract(ours, theirs)
    differences = differences[differences != 0.0]
    if not len(differences):
        return 0.5
    # Of the first one's sign, so that swapping the models turns every sign and nothing else.
    size = math.copysign(math.sqrt(float((differences**2).mean())), differences[0])
    differences = np.append(differences, [size, -size])
    rng = np.random.default_rng(0)
    means = [
        rng.standard_exponential((_AT_ONCE, len(differences))) @ differences
        for _ in range(DRAWS // _AT_ONCE)
    ]
    return float((np.concatenate(means) > 0.0).mean())
