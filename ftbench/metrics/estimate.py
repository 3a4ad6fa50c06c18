"""Means with what is needed to judge a difference between two of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import ScoringFailed


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its doubt, in the unit of the items."""

    mean: float
    stderr: float | None
    """Standard error of the mean; None for a single item."""
    n: int


def estimate(items: Sequence[float]) -> Estimate:
    """Return the mean of the items, taken as independent draws.

    Raises:
        ScoringFailed: no items.
    """
    if not items:
        raise ScoringFailed(
            "wanted at least one scored item, found nothing to score; give data with rows"
        )
    stderr = statistics.stdev(items) / len(items) ** 0.5 if len(items) > 1 else None
    return Estimate(mean=statistics.fmean(items), stderr=stderr, n=len(items))
