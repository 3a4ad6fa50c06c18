"""Drops texts that look broken.

Rules of Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
2021, appendix A.1. Of theirs only those are here that hold for a short text in any language: not
its length, the length of its words, or English stop words.
"""

import re

from services.executor.operators.judging import Judge
from shared.contracts.operators import Quality
from shared.rows import Sample
from shared.texts import texts_of

_SYMBOL = re.compile(r"#|\.\.\.|…")
_RUN = 5


def quality(rules: Quality) -> Judge:
    """Return a judge of a sample's texts, one after another; the first broken rule is its reason.

    Texts without a word are not judged.
    """

    def judge(sample: Sample) -> str | None:
        reasons = (_broken(text, rules) for text in texts_of(sample, rules.of))
        return next((reason for reason in reasons if reason is not None), None)

    return judge


def _broken(text: str, rules: Quality) -> str | None:
    words = text.split()
    if not words:
        return None
    if sum(map(_has_letter, words)) < rules.min_letters * len(words):
        return "few letters"
    if len(_SYMBOL.findall(text)) > rules.max_symbols * len(words):
        return "many symbols"
    if _repeated_lines(text) > rules.max_repeated_lines:
        return "lines repeated"
    if _repeated_words(words) > rules.max_repeated_words:
        return "words repeated"
    return None


def _has_letter(word: str) -> bool:
    return any(map(str.isalpha, word))


def _repeated_lines(text: str) -> float:
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    return 1 - len(set(lines)) / len(lines)


def _repeated_words(words: list[str]) -> float:
    """Return the share of characters inside runs of five words that stood before."""
    seen: set[tuple[str, ...]] = set()
    repeated: set[int] = set()
    for start in range(len(words) - _RUN + 1):
        run = tuple(words[start : start + _RUN])
        if run in seen:
            repeated.update(range(start, start + _RUN))
        seen.add(run)
    return sum(len(words[place]) for place in repeated) / sum(map(len, words))
