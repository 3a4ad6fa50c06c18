"""What right answers have in common, seen from outside. Pure."""

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

Form: TypeAlias = Callable[[str], bool]
"""Says whether an answer has it."""

MOST_LABELS = 100
MOST_OUTLINES = 5


def labels_of(references: Sequence[str]) -> dict[str, str]:
    """Return the different references by their plain form, each as it is first written.

    Empty where they are no few labels: more than `MOST_LABELS`, or on the average used less than
    twice.
    """
    labels = {_plain(reference): reference.strip() for reference in reversed(references)}
    few = 2 <= len(labels) <= MOST_LABELS and 2 * len(labels) <= len(references)
    return labels if few else {}


def label_in(text: str, labels: dict[str, str]) -> str | None:
    """Return the label that a text is, or the only one in it as a whole word; else None."""
    said = _plain(text)
    if said in labels:
        return labels[said]
    found = [one for one in labels if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said)]
    return labels[found[0]] if len(found) == 1 else None


def form_of(references: Sequence[str]) -> Form:
    """Return the first form that all references have.

    JSON that is an object or a list; a number; one of few outlines, such as that of a date, where
    an outline is what is left when letters and digits are no longer told apart; a single line.
    Where they have none of these in common, any text has their form.
    """
    outlines = {_outline(reference) for reference in references}
    forms: list[Form] = [_is_json, _is_number, lambda text: "\n" not in text.strip()]
    if len(outlines) <= MOST_OUTLINES and 4 * len(outlines) <= len(references):
        forms.insert(2, lambda text: _outline(text) in outlines)
    return next((form for form in forms if references and all(map(form, references))), _any)


def _any(_: str) -> bool:
    return True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(\d[\d,]*(\.\d+)?|\.\d+)", text.strip()) is not None


def _outline(text: str) -> str:
    """Return ``a-00-0000`` for ``May-17-2021``."""
    return re.sub(r"\d", "0", re.sub(r"[^\W\d_]+", "a", text.strip()))
