"""Tries a grader on answers whose grades are known, before it judges any other."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from shared.errors import ScoringFailed
from shared.graders.confined import Question

Grading: TypeAlias = Callable[[Sequence[Question]], list[float]]
"""Grades answers, each in [0, 1]."""

TRIED = 20
"""Rows that a grader is tried on, the first ones."""


def rehearse(grading: Grading, pairs: Sequence[tuple[str, str]]) -> None:
    """Return when a grader gives references 1 and empty answers 0.

    Args:
        grading: with the grader.
        pairs: prompts with their references; the first `TRIED` count.

    Raises:
        ScoringFailed: it does not; the message names the item.
    """
    for name, wanted in (("the reference", 1.0), ("an empty answer", 0.0)):
        asked = [
            Question(prompt, reference, reference if wanted else "")
            for prompt, reference in pairs[:TRIED]
        ]
        for number, grade in enumerate(grading(asked), start=1):
            if grade != wanted:
                raise ScoringFailed(
                    f"grader: wanted {wanted:g} for {name} of item {number}, "
                    f"{asked[number - 1].answer[:80]!r}, found {grade:g}; correct the grader or "
                    "the row"
                )
