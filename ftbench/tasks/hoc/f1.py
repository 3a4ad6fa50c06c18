"""F1 over several labels an item, from sums of true positives, false positives and misses."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ftbench.metrics.sums import Sums

TP, FP, FN = "tp", "fp", "fn"


def outcomes(predicted: Collection[str], right: Collection[str]) -> dict[str, float]:
    """Return a count, ``LABEL.tp``, ``.fp`` or ``.fn``, for each label that is in either."""
    counts = {f"{label}.{TP if label in right else FP}": 1.0 for label in predicted}
    return counts | {f"{label}.{FN}": 1.0 for label in right if label not in predicted}


def f1(tp: float, fp: float, fn: float) -> float:
    """Return 2 TP / (2 TP + FP + FN), in [0, 1]; 0 where nothing was right or predicted."""
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


@dataclass(frozen=True, slots=True)
class MacroF1:
    """The plain mean of F1 over labels; a label that nothing has and nobody predicted counts 0.

    Source: ``sklearn.metrics.f1_score(average="macro", zero_division=0)``.
    """

    labels: Sequence[str]

    def __call__(self, sums: Sums) -> float | None:
        """Return the mean, in [0, 1]; None when no item was counted."""
        if not sums.get("n"):
            return None
        each = (f1(*(sums.get(f"{label}.{o}", 0.0) for o in (TP, FP, FN))) for label in self.labels)
        return math.fsum(each) / len(self.labels)


@dataclass(frozen=True, slots=True)
class MicroF1:
    """F1 over all decisions, whatever the label.

    Source: ``sklearn.metrics.f1_score(average="micro", zero_division=0)``.
    """

    labels: Sequence[str]

    def __call__(self, sums: Sums) -> float | None:
        """Return F1, in [0, 1]; None when no item was counted."""
        if not sums.get("n"):
            return None
        return f1(
            *(sum(sums.get(f"{label}.{o}", 0.0) for label in self.labels) for o in (TP, FP, FN))
        )
