"""Which metrics suit which right answers: looked at before a job starts, and to propose one."""

import math
import re
from collections.abc import Iterable, Sequence

from shared.contracts.job import MetricName
from shared.errors import Rejected

SHORT_CHARS = 40
"""Answers up to this length can be expected to match a reference exactly."""

_ROUGE = (MetricName.ROUGE_1, MetricName.ROUGE_2, MetricName.ROUGE_L)
_ROUGE_WORD = re.compile("[a-z0-9]")


def suggest_metric(references: Sequence[str]) -> MetricName:
    """Return the metric that suits the answers: labels, short answers, or texts.

    Raises:
        Rejected: long texts without a word that ROUGE counts.
    """
    distinct = len({reference.strip() for reference in references})
    longest = p95(len(reference) for reference in references)
    repeated = distinct <= 100 and 20 * distinct <= len(references)
    few = distinct < 20 and 5 * distinct <= len(references)
    if longest <= SHORT_CHARS and (repeated or few) and not is_free_text(references):
        return MetricName.ACCURACY
    if longest <= SHORT_CHARS:
        return MetricName.EXACT_MATCH
    problem = unsuited(MetricName.ROUGE_L, references)
    if problem:
        raise Rejected(f"no metric suits long answers in this script yet: {problem}")
    return MetricName.ROUGE_L


def unsuited(metric: MetricName, references: Sequence[str]) -> str | None:
    """Say why a metric cannot judge answers against these references; None when it can."""
    if metric is MetricName.ACCURACY and is_free_text(references):
        return (
            f"accuracy wanted a few labels to tell apart, found {_distinct(references)} different "
            f"references in {len(references)} rows; use exact_match or rougeL"
        )
    if metric in _ROUGE:
        silent = sum(not _ROUGE_WORD.search(reference.lower()) for reference in references)
        if 2 * silent > len(references):
            return (
                f"{metric} wanted words in the letters a-z or digits, which are all it counts, "
                f"found none in {silent} of {len(references)} references; use exact_match"
            )
    return None


def is_free_text(references: Sequence[str]) -> bool:
    """Say whether references are written answers rather than labels.

    True for more than 100 different ones, or for 20 and more when most rows have one of their own.
    """
    distinct = _distinct(references)
    return distinct > 100 or (distinct >= 20 and 2 * distinct > len(references))


def _distinct(references: Sequence[str]) -> int:
    return len({reference.strip() for reference in references})


def p95(lengths: Iterable[int]) -> int:
    """Return the 95th percentile of lengths, of which there is one at least."""
    ordered = sorted(lengths)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]
