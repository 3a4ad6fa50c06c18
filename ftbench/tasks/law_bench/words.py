"""Subtasks whose answers are prose: compared by the words they share in the same order."""

import logging
import re
import warnings
from collections.abc import Iterable
from functools import cache
from types import ModuleType

from ftbench.metrics.lcs import rouge_l
from ftbench.tasks.law_bench.marks import Case, Mark, scored

SMOOTHING = 1e-8
"""What rouge-chinese adds to the denominator."""

LONGEST = 20_000
"""Characters of an answer that are compared, many times what 1,024 tokens have.

Jieba takes quadratic time for characters that make no words, a second for so many.
"""

_SENTENCE_END = re.compile(r"([。！？?]|\.{6})(.)", re.DOTALL)


def prose(case: Case, answer: str) -> Mark:
    """Return the ROUGE-L F-measure of the answer's words, in [0, 1]; 0 for an empty answer."""
    value = rouge_l(words(answer[:LONGEST]), words(case.gold), smoothing=SMOOTHING)
    return scored(value, answer.strip())


def words(text: str) -> list[str]:
    """Return the words of a text: cut by jieba, then divided as rouge-chinese 1.0.3 does.

    It takes each sentence and line for itself and counts what is blank between two of them as one
    empty word, so that an answer with blank lines has more words than one without.
    """
    spaced = " ".join(_cut(text))
    lines = _SENTENCE_END.sub(r"\1\n\2", spaced).rstrip().split("\n")
    return [word for line in lines if line for word in line.split() or [""]]


def _cut(text: str) -> Iterable[str]:
    cut: Iterable[str] = _jieba().cut(text)
    return cut


@cache
def _jieba() -> ModuleType:
    """Return jieba, which loads its dictionary (about a second) with the first text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, and of escapes in its source
        import jieba
    jieba.setLogLevel(logging.WARNING)
    module: ModuleType = jieba
    return module
