"""Scores of a final answer: by words that must and must not occur, or by its likeness to others."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def has_the_words(answer: str, wanted: Mapping[str, Any]) -> bool:
    r"""Return whether an answer has an alias of each group of the whitelist and none of the other.

    An alias must begin and end at a word boundary, whatever its case. The published rule puts the
    boundary before and after the alias whether or not it begins with a letter, so that ``$5`` is
    found in "US$5" and not in "$5".
    """
    return all(_any_of(aliases, answer) for aliases in wanted["whitelist"]) and not (
        wanted["blacklist"] and _any_of([a for group in wanted["blacklist"] for a in group], answer)
    )


def token_f1(answer: str, references: Sequence[str]) -> float:
    """Return the best F1 of an answer's words against a reference's, in [0, 1].

    Words are runs of letters and digits, whatever their case, and count as often as they occur.
    Not a published metric of GTA: it stands in for a similarity of sentence embeddings.
    """
    words = _words(answer)
    return max((_f1(words, _words(reference)) for reference in references), default=0.0)


def _any_of(aliases: Iterable[str], answer: str) -> bool:
    either = "|".join(map(re.escape, aliases))
    return re.search(rf"\b(?:{either})\b", answer, re.IGNORECASE) is not None


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _f1(words: Counter[str], wanted: Counter[str]) -> float:
    together = words.total() + wanted.total()
    return 2 * (words & wanted).total() / together if together else 0.0
