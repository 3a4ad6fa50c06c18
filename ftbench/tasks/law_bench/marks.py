"""What every subtask's scorer takes and gives."""

from collections.abc import Mapping
from typing import NamedTuple


class Case(NamedTuple):
    """What an answer is compared with."""

    question: str
    gold: str
    """The published answer without what surrounds it: ``B`` of ``正确答案：B。``."""


class Mark(NamedTuple):
    """What an answer earned in its subtask."""

    value: float
    """At most 1.0."""

    counts: Mapping[str, float]
    """What the subtask's metric is made of, to be summed over its items."""

    parsed: str | None
    """What was read out of the answer; None when nothing could be."""


UNSCORED = Mark(1.0, {}, None)
"""For the items that the published scorer skips: they count for nothing, and cost nothing."""


def scored(value: float, parsed: str | None) -> Mark:
    """Return the mark of a subtask whose metric is the mean of its items' values."""
    return Mark(value, {"score": value, "n": 1.0}, parsed or None)
