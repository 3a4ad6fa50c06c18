"""Chooses the samples that training does not see, so that loss can be measured on them."""

import random

import numpy as np
from numpy.typing import NDArray

MIN_SAMPLES = 20
"""Of fewer samples none is held out: training needs them more than a curve of two points does."""


def hold_out(
    rows: NDArray[np.int64],
    copies: NDArray[np.bool_],
    *,
    share: float,
    max_samples: int,
    seed: int,
) -> NDArray[np.bool_]:
    """Return which samples are of the rows to set aside: whole rows, each with all its copies.

    Rows are drawn until a ``share`` in (0, 1) of the samples that are no copies is found, at least
    one, at most ``max_samples``, and never all of them; a row with more than are still wanted is
    passed over. None when there are fewer than `MIN_SAMPLES`. The same seed chooses the same rows
    on every machine.

    Args:
        rows: `(samples,)`, the number of the row that each sample is of, from 0 as rows appear.
        copies: `(samples,)`, whether the sample is a copy of another one of its row.
        share: of the samples that are no copies.
        max_samples: likewise.
        seed: of the draw.
    """
    sizes = np.bincount(rows, weights=~copies).astype(np.int64)
    count = int(sizes.sum())
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    if count < MIN_SAMPLES:
        return chosen[rows]
    wanted = min(max(1, round(count * share)), max_samples, count - 1)
    # Of `random`, only `random()` promises the same numbers in every version of Python.
    draw = random.Random(f"hold_out {seed}").random
    draws = np.fromiter((draw() for _ in sizes), dtype=np.float64, count=len(sizes))
    for row in np.argsort(draws, kind="stable"):
        if 0 < sizes[row] <= wanted:
            chosen[row] = True
            wanted -= int(sizes[row])
        if not wanted:
            break
    return chosen[rows]
