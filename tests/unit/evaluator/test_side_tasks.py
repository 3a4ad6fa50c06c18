"""The side tasks that come with the evaluator."""

import subprocess
import sys

import pytest

from services.evaluator.exam import open_exam
from services.evaluator.guards.side_tasks import side_items
from shared.contracts.job import GUARD_ITEMS, GUARDS
from shared.contracts.score import ScoreRequest
from shared.errors import ScoringFailed
from tests.support.examples import SCORE_REQUEST


def request(name: str) -> ScoreRequest:
    changed = {"split": "guard", "data": name, "data_sha256": None, "metric": GUARDS.get(name)}
    return SCORE_REQUEST.model_copy(update=changed)


@pytest.mark.parametrize("name", GUARDS)
def test_right_answers_to_a_side_task_earn_full_marks_and_none_earn_nothing(name: str) -> None:
    exam = open_exam(request(name), None)

    assert len(exam.questions) == len({str(question) for question in exam.questions}) == GUARD_ITEMS
    assert exam.grade(exam.expected).value == 1.0
    assert exam.grade([""] * GUARD_ITEMS).value == 0.0
    assert exam.grade([exam.expected[0]] * GUARD_ITEMS).value < 0.6


@pytest.mark.parametrize("name", GUARDS)
def test_nobody_who_repeats_the_question_is_right(name: str) -> None:
    exam = open_exam(request(name), None)

    # Of four letters in a list the first is named first.
    by_chance = 0.4 if name == "knowledge" else 0.0
    assert exam.grade([question[-1]["content"] for question in exam.questions]).value <= by_chance


def test_a_side_task_is_the_same_exam_in_another_process() -> None:
    code = (
        "from services.evaluator.guards.side_tasks import side_items\n"
        "import sys; sys.stdout.write(repr(side_items('json')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == repr(side_items("json"))
    assert open_exam(request("json"), None).sha256 == open_exam(request("json"), None).sha256
    assert open_exam(request("json"), None).sha256 != open_exam(request("sorting"), None).sha256


def test_a_side_task_that_does_not_exist_ends_its_score_alone() -> None:
    with pytest.raises(ScoringFailed, match=r"a side task, one of arithmetic, .*'chess'"):
        open_exam(request("chess"), None)
