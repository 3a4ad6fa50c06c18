"""Asks a real small server; see `tests.support.chat_server`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.evaluator.grading import grading_of
from services.evaluator.judge import Judge
from shared.contracts.grader import JudgeGrader
from shared.contracts.job import MetricName
from shared.errors import ScoringFailed, Unavailable
from shared.graders.confined import Question
from shared.settings import JudgeSettings
from tests.support.chat_server import KEY, ChatServer, Raw, Reply, problem
from tests.support.examples import SCORE_REQUEST

GRADER = JudgeGrader(criterion="It names the capital.", model="large")
ANSWERS = [Question("France?", "Paris", answer) for answer in ("Paris", "Lyon", "", "It is Paris")]


def verdict(grade: object) -> Reply:
    return Reply(json.dumps({"reason": "So it is.", "grade": grade}))


def by_answer(question: str, before: int) -> Reply | Raw:
    """Give 10 where Paris is named and 2 elsewhere."""
    return verdict(10 if "Paris" in json.loads(question)["answer"] else 2)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(by_answer) as server:
        yield server


def judge(server: ChatServer, folder: Path, *, key: str = KEY) -> Judge:
    settings = JudgeSettings(url=server.url, key=SecretStr(key), concurrency=2)
    return Judge(settings, folder / "new" / "judge.sqlite", retries=1)


def test_each_answer_has_the_grade_its_judge_gives(server: ChatServer, tmp_path: Path) -> None:
    assert judge(server, tmp_path).grades(GRADER, ANSWERS) == [1.0, 0.2, 0.0, 1.0]


def test_the_judge_is_told_all_it_needs_and_what_shape_to_reply_in(
    server: ChatServer, tmp_path: Path
) -> None:
    judge(server, tmp_path).grades(GRADER, ANSWERS[:1])

    [body] = server.bodies
    assert "You grade answers" in body["messages"][0]["content"]
    assert json.loads(body["messages"][1]["content"]) == {
        "criterion": "It names the capital.",
        "question": "France?",
        "reference": "Paris",
        "answer": "Paris",
    }
    assert (body["model"], body["temperature"]) == ("large", 0.0)
    schema = body["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["reason", "grade"]


def test_nothing_is_asked_twice_nor_about_an_empty_answer(
    server: ChatServer, tmp_path: Path
) -> None:
    first = judge(server, tmp_path).grades(GRADER, ANSWERS)
    second = judge(server, tmp_path).grades(GRADER, ANSWERS * 2)

    assert second == first * 2
    assert len(server.bodies) == 3


def test_several_answers_are_judged_at_once(server: ChatServer, tmp_path: Path) -> None:
    server.behave = lambda question, before: replace(verdict(10), delay_s=0.1)

    judge(server, tmp_path).grades(GRADER, ANSWERS)

    assert server.most_at_once == 2


def test_what_was_replied_before_a_failure_is_not_asked_again(
    server: ChatServer, tmp_path: Path
) -> None:
    def away(question: str, before: int) -> Reply | Raw:
        return problem(503, "away") if "Lyon" in question else by_answer(question, before)

    server.behave = away
    with pytest.raises(Unavailable, match="what it replied is kept"):
        judge(server, tmp_path).grades(GRADER, ANSWERS)
    server.behave = by_answer
    server.asked.clear()

    assert judge(server, tmp_path).grades(GRADER, ANSWERS)[0] == 1.0
    assert not any('"answer": "Paris"' in question for question in server.asked)


@pytest.mark.parametrize(
    "bad",
    [
        Reply("ten of ten"),
        verdict(11),
        verdict("7"),
        verdict(None),
        Reply('{"grade": 7}'),
        replace(verdict(3), finish_reason="length"),
    ],
)
def test_a_reply_that_cannot_be_read_is_asked_for_once_more(
    server: ChatServer, tmp_path: Path, bad: Reply
) -> None:
    server.behave = lambda question, before: (
        verdict(7) if question.startswith("Wanted JSON") else bad
    )
    assert judge(server, tmp_path).grades(GRADER, ANSWERS[:1]) == [0.7]

    server.behave = lambda question, before: bad
    with pytest.raises(ScoringFailed, match="reason and grade for item 2, found twice"):
        judge(server, tmp_path).grades(GRADER, [*ANSWERS[:1], ANSWERS[1]])


@pytest.mark.parametrize(
    ("key", "behave", "said"),
    [
        ("wrong", by_answer, "check the model's name, TREX_JUDGE_URL and TREX_JUDGE_KEY"),
        (KEY, lambda question, before: problem(404, "no such model"), "no such model"),
        (KEY, lambda question, before: Raw(200, "<html>"), "check TREX_JUDGE_URL"),
    ],
)
def test_a_server_that_will_not_judge_ends_the_scoring(
    server: ChatServer, tmp_path: Path, key: str, behave: object, said: str
) -> None:
    server.behave = behave  # type: ignore[assignment]

    with pytest.raises(ScoringFailed, match=said):
        judge(server, tmp_path, key=key).grades(GRADER, ANSWERS)


def test_replies_that_cannot_be_kept_end_the_scoring(server: ChatServer, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file where the folder should be")

    with pytest.raises(ScoringFailed, match="found: File exists; correct its rights"):
        judge(server, tmp_path).grades(GRADER, ANSWERS)


def test_a_judge_is_tried_on_references_before_it_grades(
    server: ChatServer, tmp_path: Path
) -> None:
    request = SCORE_REQUEST.model_copy(update={"metric": MetricName.GRADER, "grader": GRADER})
    asked = judge(server, tmp_path)

    assert grading_of(request, [("France?", "Paris")], asked)(ANSWERS[:2]) == [1.0, 0.2]
    with pytest.raises(ScoringFailed, match=r"the first 2 references 0\.8 on the .* found 0\.60"):
        grading_of(request, [("France?", "Paris"), ("Italy?", "Rome")], asked)
    with pytest.raises(
        ScoringFailed, match="wanted a judge to ask, found none; set TREX_JUDGE_URL"
    ):
        grading_of(request, [("France?", "Paris")], None)
