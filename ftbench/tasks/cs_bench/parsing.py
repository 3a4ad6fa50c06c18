"""Reads the letter, or the verdict on a statement, out of what a model wrote.

Pure, and linear in the length of the text.
"""

import re

# A letter after "answer is" or "answer:", where a lower-case "a" before a word is the article. The
# possessive quantifiers keep long runs of blanks from being tried again and again.
_SAID = re.compile(
    r"""\b(?i:answer)(?:\s++(?i:is)\b)?+[\s:*("'\[]*+(?:(?i:option|choice)\s++)?+"""
    r"([A-Db-d]|a(?!\s+\w))\b"
)
# A letter that the text opens with, as in "B", "B. Stack" or "**b)** stack".
_OPENING = re.compile(r"""\W*+([A-Da-d])(?:[).:*\]}"']|\s*$|\s*\n)""")
_PARENTHESISED = re.compile(r"(?<!\w)\(([A-Da-d])\)")
_CAPITAL = re.compile(r"\b([B-D]|A(?!\s+(?!is\b|because\b)[a-z]))\b")
_ANY_LETTER = re.compile(r"\b[ABCD]\b", re.IGNORECASE)
_VERDICT = re.compile(r"\b(?:true|false)\b", re.IGNORECASE)


def letter_in(answer: str) -> str | None:
    """Return the option that an answer settles on, A to D; None when it names none.

    In this order: the last letter after "answer is" or "answer:"; the letter that the answer opens
    with; the last letter in parentheses; the last capital that stands alone. The article is never
    an option: "A stack is LIFO." names none. A capital A before a lower-case word is taken for it,
    unless that word is "is" or "because".
    """
    opening = _OPENING.match(answer)
    found = _SAID.findall(answer) or (opening and [opening[1]])
    found = found or _PARENTHESISED.findall(answer) or _CAPITAL.findall(answer)
    return found[-1].upper() if found else None


def first_letter_in(answer: str) -> str | None:
    """Return the first single letter from A to D, whatever its case, as the published scorer does.

    The article counts: "This is a guess." answers A.
    """
    found = _ANY_LETTER.search(answer)
    return found[0].upper() if found else None


def verdict_in(answer: str) -> str | None:
    """Return the first "true" or "false" as a whole word, in lower case; None without one."""
    found = _VERDICT.search(answer)
    return found[0].lower() if found else None
