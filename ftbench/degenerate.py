"""Signs that a model's answers are broken or a trick, whatever their score.

A metric can be satisfied without skill: one molecule that improves any other, one prison term near
the mean of all. And an empty or endless answer is a broken model rather than a wrong one.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from ftbench.task import Item
from shared.contracts.base import Contract

FEWEST = 20
"""Answers below which nothing is said: a handful may well be alike."""

MAX_EMPTY = 0.05
"""Share of empty answers above which they are pointed out."""

MAX_REPEAT = 0.2
"""Share of items with one and the same answer above which it is suspected."""

MAX_TIMES_AS_COMMON = 1.75
"""How much commoner the commonest answer may be than the commonest published answer."""

MAX_TIMES_AS_LONG = 4
"""How much longer than the published ones answers may be, by their medians."""


class Outputs(Contract):
    """What the answers look like from outside."""

    unique_share: float
    """Distinct answers divided by answers, in (0, 1]."""

    commonest_share: float
    """Share of items that got the commonest answer, in (0, 1]."""

    empty_share: float
    """Share of answers without a visible character."""

    median_chars: float
    longest_chars: int


def outputs_of(answers: Sequence[str]) -> Outputs:
    """Return what a non-empty list of answers looks like."""
    seen = Counter(answer.strip() for answer in answers)
    lengths = [len(answer) for answer in answers]
    return Outputs(
        unique_share=len(seen) / len(answers),
        commonest_share=seen.most_common(1)[0][1] / len(answers),
        empty_share=seen[""] / len(answers),
        median_chars=median(lengths),
        longest_chars=max(lengths),
    )


def flags_of(items: Sequence[Item], answers: Sequence[str]) -> list[str]:
    """Return a sentence for each sign of a broken model or a trick, subtask by subtask."""
    parts: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        parts[item.subtask].append(i)
    flags = []
    for name, part in parts.items():
        if len(part) >= FEWEST:
            published = [items[i].answer for i in part]
            where = f"{name}: " if name else ""
            flags += [where + flag for flag in _flags([answers[i] for i in part], published)]
    return flags


def _flags(answers: Sequence[str], published: Sequence[str | None]) -> list[str]:
    seen = outputs_of(answers)
    flags = []
    if seen.empty_share > MAX_EMPTY:
        flags.append(f"{seen.empty_share:.0%} of the answers are empty")
    known = [text for text in published if text is not None]
    usual = outputs_of(known) if known else None
    allowed = MAX_REPEAT if usual is None else MAX_TIMES_AS_COMMON * usual.commonest_share
    if seen.commonest_share > max(MAX_REPEAT, min(allowed, 0.99)):
        [(answer, _)] = Counter(text.strip() for text in answers).most_common(1)
        flags.append(f"{seen.commonest_share:.0%} of the answers are {answer[:40]!r}")
    if usual and seen.median_chars > MAX_TIMES_AS_LONG * max(usual.median_chars, 25):
        flags.append(
            f"the answers are {seen.median_chars:.0f} characters long by their median, the "
            f"published ones {usual.median_chars:.0f}"
        )
    return flags
