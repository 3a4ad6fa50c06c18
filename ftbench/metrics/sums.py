"""Metrics as functions of sums over items, and how sure they are.

Every number this package reports is a function of sums of per-item counts: an accuracy divides
``correct`` by ``n``, a macro-F1 combines true and false positives by label, a benchmark of twenty
parts averages twenty ratios. That one form gives each a standard error by the same two formulas.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Sums = Mapping[str, float]
Metric = Callable[[Sums], float | None]
"""From sums of counts to a number; None when nothing it needs was counted."""

RESAMPLES = 1000
"""Bootstrap resamples; the error of a standard error from so many is about 2 %."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One sum over another: a mean, when the second counts the items."""

    numerator: str
    denominator: str

    def __call__(self, sums: Sums) -> float | None:
        """Return the ratio; None when the denominator is zero or was never counted."""
        below = sums.get(self.denominator, 0.0)
        return sums.get(self.numerator, 0.0) / below if below else None


@dataclass(frozen=True, slots=True)
class MeanOf:
    """The plain mean of other metrics, whatever the number of items behind each."""

    parts: tuple[Metric, ...]

    def __call__(self, sums: Sums) -> float | None:
        """Return the mean; None when any part has nothing to go by."""
        values = [part(sums) for part in self.parts]
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class Unit:
    """What is drawn together when items are drawn again: one group."""

    stratum: str
    """Drawn among its own kind only, because a benchmark fixes how many of each it has."""

    counts: Sums
    """Sums over the group's items."""


def total(counts: Sequence[Sums]) -> dict[str, float]:
    """Return the sum of each count."""
    sums: dict[str, float] = {}
    for one in counts:
        for key, value in one.items():
            sums[key] = sums.get(key, 0.0) + value
    return sums


def standard_error(metric: Metric, units: Sequence[Unit]) -> float | None:
    """Return the standard error of a metric over groups drawn at random; None for fewer than two.

    A ratio has a closed form, which for a mean of single items is the usual ``s / sqrt(n)``
    (Cochran, "Sampling Techniques", 1977, section 6.4, without the finite population factor).
    Anything else is bootstrapped over groups within strata, with a fixed seed (Efron and
    Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6).
    """
    return _of_ratio(metric, units) if isinstance(metric, Ratio) else _bootstrap(metric, units)


def _of_ratio(ratio: Ratio, units: Sequence[Unit]) -> float | None:
    pairs = [
        (unit.counts.get(ratio.numerator, 0.0), unit.counts[ratio.denominator])
        for unit in units
        if unit.counts.get(ratio.denominator)
    ]
    if len(pairs) < 2:
        return None
    import numpy as np

    above, below = np.array(pairs).T
    residuals = above - above.sum() / below.sum() * below
    n = len(pairs)
    return float(math.sqrt(n / (n - 1) * (residuals**2).sum()) / below.sum())


def _bootstrap(metric: Metric, units: Sequence[Unit]) -> float | None:
    sizes = Counter(unit.stratum for unit in units)
    if max(sizes.values(), default=0) < 2:
        return None
    import numpy as np

    keys = sorted({key for unit in units for key in unit.counts})
    drawn = np.zeros((RESAMPLES, len(keys)))  # sums of each count in each resample
    rng = np.random.default_rng(0)
    for stratum in sorted(sizes):
        counts = np.array(
            [[u.counts.get(k, 0.0) for k in keys] for u in units if u.stratum == stratum]
        )
        drawn += _resampled_sums(counts, rng)
    values = [metric(dict(zip(keys, row, strict=True))) for row in drawn.tolist()]
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def _resampled_sums(
    counts: "npt.NDArray[np.float64]", rng: "np.random.Generator"
) -> "npt.NDArray[np.float64]":
    """Return ``(RESAMPLES, keys)`` sums of as many rows as there are, drawn with replacement."""
    import numpy as np

    n = len(counts)
    sums = np.empty((RESAMPLES, counts.shape[1]))
    for i in range(RESAMPLES):
        sums[i] = np.bincount(rng.integers(n, size=n), minlength=n) @ counts
    return sums
