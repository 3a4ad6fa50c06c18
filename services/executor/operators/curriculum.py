"""Orders samples from easy to hard."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.contracts.operators import Easy
from shared.errors import DataFailed
from shared.rows import Sample
from shared.texts import texts_of


def easy_first(samples: Iterable[Sample], first: Easy) -> NDArray[np.int64]:
    """Return the places of the samples, from 0, the easiest first; equals stay in their order.

    Holds 16 bytes a sample.

    Raises:
        DataFailed: scores are asked for, and a sample has none.
    """
    hardness = np.fromiter((_hardness(one, first) for one in samples), dtype=np.float64)
    return np.argsort(hardness, kind="stable")


def _hardness(sample: Sample, first: Easy) -> float:
    if first == "short":
        return float(sum(map(len, texts_of(sample))))
    if sample.score is None:
        raise DataFailed(
            f"{sample.place}: wanted a score to order samples by, found none; have a teacher "
            "score them before the curriculum, or put short ones first"
        )
    return sample.score if first == "low_score" else -sample.score
