from collections.abc import Sequence

import pytest

from shared.errors import ScoringFailed
from shared.graders.confined import Question
from shared.graders.rehearsal import TRIED, rehearse

PAIRS = [(f"question {n}", f"answer {n}") for n in range(2 * TRIED)]


def exact(questions: Sequence[Question]) -> list[float]:
    return [float(one.answer == one.reference) for one in questions]


def test_a_grader_that_knows_right_from_nothing_is_taken() -> None:
    rehearse(exact, PAIRS)


def test_a_grader_that_finds_a_reference_wrong_is_refused_with_the_item() -> None:
    def grading(questions: Sequence[Question]) -> list[float]:
        return [
            min(grade, float("7" not in q.answer))
            for grade, q in zip(exact(questions), questions, strict=True)
        ]

    with pytest.raises(
        ScoringFailed, match="wanted 1 for the reference of item 8, 'answer 7', found 0"
    ):
        rehearse(grading, PAIRS)


def test_a_grader_that_pays_for_nothing_is_refused() -> None:
    with pytest.raises(ScoringFailed, match="wanted 0 for an empty answer of item 1, '', found 1"):
        rehearse(lambda questions: [1.0] * len(questions), PAIRS)


def test_only_the_first_rows_are_tried() -> None:
    def grading(questions: Sequence[Question]) -> list[float]:
        assert len(questions) == TRIED
        return exact(questions)

    rehearse(grading, PAIRS)
