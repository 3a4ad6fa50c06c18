"""Training rows as examples before a question."""

import json
from pathlib import Path

import pytest

from services.evaluator.exam import open_exam
from services.evaluator.scorer import Conversation
from shared.contracts.mapping import Judged, Templates
from shared.contracts.score import ScoreRequest
from shared.errors import DataFailed
from tests.support.examples import SCORE_REQUEST

MAPPING = Templates(prompt="{q}", completion="{a}", system="Be brief.")


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def numbered(*numbers: int) -> list[dict[str, object]]:
    return [{"q": f"question {n}", "a": f"answer {n}"} for n in numbers]


@pytest.fixture
def request_(tmp_path: Path) -> ScoreRequest:
    return SCORE_REQUEST.model_copy(
        update={
            "data": write(tmp_path / "dev.jsonl", numbered(0, 1, 2)),
            "data_sha256": None,
            "mapping": MAPPING,
            "shots": 3,
            "shots_data": write(tmp_path / "train.jsonl", numbered(*range(1, 30))),
        }
    )


def shots_of(question: Conversation) -> list[str]:
    return [turn["content"] for turn in question[1:-1]]


def test_examples_stand_between_the_system_prompt_and_the_question(request_: ScoreRequest) -> None:
    question = open_exam(request_, None).questions[0]

    assert [turn["role"] for turn in question] == ["system", *["user", "assistant"] * 3, "user"]
    assert (question[0]["content"], question[-1]["content"]) == ("Be brief.", "question 0")
    said = shots_of(question)
    assert [text.replace("question", "answer") for text in said[::2]] == said[1::2]


def test_every_question_is_shown_the_same_examples(request_: ScoreRequest, tmp_path: Path) -> None:
    exam, again = open_exam(request_, None), open_exam(request_, None)
    plain = open_exam(request_.model_copy(update={"shots": 0}), None)

    assert list(exam.questions) == list(again.questions)
    assert len({str(shots_of(question)) for question in exam.questions}) == 1
    assert exam.sha256 == plain.sha256
    assert exam.expected == plain.expected
    assert len(plain.questions[0]) == 2


def test_a_question_is_never_shown_with_its_answer(request_: ScoreRequest, tmp_path: Path) -> None:
    repeated = numbered(*[n for n in (1, 2, 3, 4) for _ in range(5)])
    changed = {"shots_data": write(tmp_path / "few.jsonl", repeated)}

    exam = open_exam(request_.model_copy(update=changed), None)

    for question in exam.questions[1:]:
        assert question[-1]["content"] not in shots_of(question)
        assert len(set(shots_of(question))) == 6


def test_an_answer_that_was_judged_bad_is_no_example(
    request_: ScoreRequest, tmp_path: Path
) -> None:
    judged = [{**row, "good": number % 2 == 1} for number, row in enumerate(numbered(*range(10)))]
    changed = {
        "mapping": Judged(prompt="{q}", completion="{a}", label="good"),
        "data": write(tmp_path / "dev.jsonl", [{**numbered(0)[0], "good": True}]),
        "shots_data": write(tmp_path / "train.jsonl", judged),
    }

    question = open_exam(request_.model_copy(update=changed), None).questions[0]

    shown = {int(turn["content"].split()[1]) for turn in question[:-1]}
    assert len(shown) == 3
    assert all(number % 2 for number in shown)


def test_too_few_examples_are_no_baseline(request_: ScoreRequest, tmp_path: Path) -> None:
    changed = {"shots_data": write(tmp_path / "few.jsonl", numbered(1, 2, 3))}

    with pytest.raises(DataFailed, match=r"wanted 3 rows .* found 2; lower baselines\.shots"):
        open_exam(request_.model_copy(update=changed), None)


def test_examples_that_nobody_named_are_asked_for(request_: ScoreRequest) -> None:
    with pytest.raises(DataFailed, match="found none named; give shots_data"):
        open_exam(request_.model_copy(update={"shots_data": None}), None)


def test_prompts_that_differ_are_found_among_many_that_do_not(
    request_: ScoreRequest, tmp_path: Path
) -> None:
    rows = numbered(*[7] * 3000, *range(20, 30), *[7] * 3000)
    changed = {"shots_data": write(tmp_path / "train.jsonl", rows)}

    question = open_exam(request_.model_copy(update=changed), None).questions[0]

    assert len(set(shots_of(question)[::2])) == 3
