"""Reading an order of four letters out of free text.

The rules are those of the task ``econ_logic_qa`` of lm-evaluation-harness (commit ``6da340c``),
written so that time grows with the length of the text and no faster: the quantifiers are
possessive, which changes nothing about what matches, because neither a space nor a separator can
be part of what follows it.
"""

import re
from collections.abc import Iterator

LETTERS = "ABCD"

_MARKER = re.compile(
    r"\b(?:answer|order|ordering|sequence)\b\s*+(?:is)?+\s*+[:\-–]?+\s*+", re.IGNORECASE
)
# A full stop separates nothing, or a list of the options would be an order.
_SEPARATOR = r"\s*+(?:(?:,|;|->|-->|→|>|\||\band\b|\bthen\b)\s*+)?+"
_SEPARATED = re.compile(
    rf"(?<![A-Za-z])[ABCD](?:{_SEPARATOR}(?<![A-Za-z])[ABCD](?![A-Za-z])){{3}}", re.IGNORECASE
)
_TIGHT = re.compile(r"(?<![A-Za-z])[ABCD]{4}(?![A-Za-z])")
_CAPITAL = re.compile(r"(?<![A-Za-z])[ABCD](?![A-Za-z])")


def read_order(answer: str) -> str | None:
    """Return the order an answer commits to, such as ``"DACB"``; None without one.

    What follows the last "answer", "order", "ordering" or "sequence" is read first, then the whole
    answer. In each: four letters with separators between them, then four capitals in one word,
    then the first four capitals in a row that stand alone, whatever is between them. Only an order
    that has each letter once counts.
    """
    end = max((marker.end() for marker in _MARKER.finditer(answer)), default=0)
    parts = [answer[end:], answer] if end else [answer]
    return next((order for part in parts for order in _orders(part)), None)


def gold_order(text: str) -> str | None:
    """Return the order a published answer gives; None when it has not each letter once."""
    order = _letters(text)
    return order if _is_order(order) else None


def _orders(text: str) -> Iterator[str]:
    for pattern in (_SEPARATED, _TIGHT):
        for match in pattern.finditer(text):
            # The letters of "and" are among these: such a run is passed over, as published.
            if _is_order(order := _letters(match[0])):
                yield order
    capitals = "".join(_CAPITAL.findall(text))
    for i in range(len(capitals) - len(LETTERS) + 1):
        if _is_order(order := capitals[i : i + len(LETTERS)]):
            yield order


def _letters(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter in LETTERS)


def _is_order(letters: str) -> bool:
    return "".join(sorted(letters)) == LETTERS
