"""Accuracy: the label found in the answer is the reference label."""

import re
from collections.abc import Sequence

from shared.errors import ScoringFailed

MAX_LABELS = 100

_MIN_ROWS_TO_JUDGE = 20
# Thai to Khmer, kana and Han write words without spaces; Korean glues endings to them. A label next
# to such a letter is still a whole word.
_GLUED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W{_GLUED}]"


def accuracy(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return 1.0 for each answer whose label is its reference, else 0.0. Higher is better.

    The labels are the distinct references. The label of an answer is the one that occurs in it as a
    whole word, whatever the case; where several do, the first, because a fine-tuned model answers
    at once and what follows is rambling; where two begin at one place, the longer. An answer
    without any label is wrong. When all labels are single characters, one in its own case comes
    before one that is not, so that in "a close call: B" the article is not answer A.

    Raises:
        ScoringFailed: the references are no labels: more than `MAX_LABELS` distinct ones, or of 20
            references or more over half distinct, or an empty one.
        ValueError: not one reference for each answer.
    """
    own_case = [_spaced(reference) for reference in references]
    wanted = [label.casefold() for label in own_case]
    _refuse_prose(wanted)
    cased = _any_of(set(own_case)) if all(len(label) == 1 for label in own_case) else None
    uncased = _any_of(set(wanted))
    return [
        float(_label_in(_spaced(answer), cased, uncased) == label)
        for answer, label in zip(answers, wanted, strict=True)
    ]


def _label_in(answer: str, cased: re.Pattern[str] | None, uncased: re.Pattern[str]) -> str | None:
    found = (cased and cased.search(answer)) or uncased.search(answer.casefold())
    return found[0].casefold() if found else None


def _any_of(labels: set[str]) -> re.Pattern[str]:
    longest_first = sorted(labels, key=lambda label: (-len(label), label))
    return re.compile("|".join(map(_whole_word, longest_first)))


def _whole_word(label: str) -> str:
    before = rf"(?<!{_LETTER})" if re.match(_LETTER, label[0]) else ""
    after = rf"(?!{_LETTER})" if re.match(_LETTER, label[-1]) else ""
    # The 0 of 0.95 is no label either.
    before += r"(?<!\d\.)" if label[0].isdigit() else ""
    after += r"(?!\.\d)" if label[-1].isdigit() else ""
    return f"{before}{re.escape(label)}{after}"


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _refuse_prose(wanted: Sequence[str]) -> None:
    labels = set(wanted)
    if "" in labels:
        raise ScoringFailed(
            f"accuracy wanted a label in each reference, found number {wanted.index('') + 1} "
            "empty; fill it in or remove the row"
        )
    if len(labels) > MAX_LABELS or (
        len(wanted) >= _MIN_ROWS_TO_JUDGE and len(labels) * 2 > len(wanted)
    ):
        raise ScoringFailed(
            f"accuracy wanted references that are labels, at most {MAX_LABELS} and each used "
            f"often, found {len(labels)} distinct ones in {len(wanted)} references; use "
            "exact_match or rougeL for this data"
        )
