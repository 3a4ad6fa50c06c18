"""`trex lessons` and `trex calls` against the planner's real API over stores in memory."""

import json
import shlex
from collections.abc import Iterator

import pytest

from shared.contracts.base import WorkId
from shared.contracts.counsel import Call, Message
from shared.contracts.lesson import BankedLesson
from tests.suites.notebook import CALL
from tests.support.examples import BRIEF_REQUEST, JOB, SPEC, banked_lesson
from tests.unit.trex.real_api import RealApi, real_api

SYSTEM = Message(role="system", text="You improve recipes.")
QUESTION = Message(role="user", text="What next?\n\x1b[31mRows: …")
WRONG = Message(role="assistant", text="learning_rate: fast")
REPAIR = Message(role="user", text="learning_rate: wanted a number, found 'fast'")


@pytest.fixture
def running() -> Iterator[RealApi]:
    """A system with one job, whose brief was ordered."""
    with real_api() as api:
        api.store.create(JOB, SPEC, idempotency_key=None)
        hold = api.store.hold(JOB, "planner", lease_s=60)
        assert hold is not None
        api.store.order(hold, WorkId("brief"), BRIEF_REQUEST, why="to begin with")
        yield api


def call(*asked: Message, **changes: object) -> Call:
    return CALL.model_copy(update={"asked": asked, **changes})


def test_lessons_are_listed_with_what_was_changed_and_what_it_did(running: RealApi) -> None:
    running.notebook.bank(banked_lesson(note="sorted rows", ignored=True))
    running.notebook.bank(
        banked_lesson(factor="r", before="8", after="64", alone=False, effect=None, at=2_000.0)
    )

    rate, rank = running.trex("lessons").stdout.splitlines()[1:]

    assert " ".join(rate.split()) == (
        "j-e0e0e0e0/3/learning_rate classification qwen3 0.0002 → 0.001 +0.030 ± 0.020 "
        "ignored, sorted rows"
    )
    assert "8 → 64 and more" in rank
    assert "failed" in rank


def test_lessons_can_be_had_as_json_and_by_what_they_are_about(running: RealApi) -> None:
    wanted = banked_lesson(factor="r")
    running.notebook.bank(wanted)
    running.notebook.bank(banked_lesson())

    found = running.trex("lessons", "--factor", "r", "--base-family", "qwen3", "--json")

    assert [BankedLesson.model_validate(one) for one in json.loads(found.stdout)] == [wanted]


def test_without_lessons_it_is_said_when_there_will_be_some(running: RealApi) -> None:
    done = running.trex("lessons")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "a job banks one" in done.stderr


def test_a_note_is_written_beside_a_lesson_and_taken_away(running: RealApi) -> None:
    lesson = banked_lesson(factor="near_duplicates threshold")
    running.notebook.bank(lesson)

    running.trex("lessons", "note", lesson.id, "sorted rows")
    [noted] = running.notebook.lessons()
    running.trex("lessons", "note", lesson.id, "")

    assert noted == lesson.model_copy(update={"note": "sorted rows"})
    assert running.notebook.lessons() == (lesson,)


def test_a_lesson_can_be_ignored_and_used_again_and_keeps_its_note(running: RealApi) -> None:
    lesson = banked_lesson(note="sorted rows")
    running.notebook.bank(lesson)

    said = running.trex("lessons", "ignore", lesson.id).stderr
    [ignored] = running.notebook.lessons()
    running.trex("lessons", "use", lesson.id)

    assert f"take that back with: trex lessons use {lesson.id}" in said
    assert ignored == lesson.model_copy(update={"ignored": True})
    assert running.notebook.lessons() == (lesson,)


def test_a_command_to_take_it_back_can_be_pasted_into_a_shell(running: RealApi) -> None:
    lesson = banked_lesson(factor="near_duplicates threshold")
    running.notebook.bank(lesson)

    said = running.trex("lessons", "ignore", lesson.id).stderr
    command = said.partition("take that back with: ")[2]

    assert shlex.split(command) == ["trex", "lessons", "use", lesson.id]


def test_a_lesson_can_be_forgotten(running: RealApi) -> None:
    lesson = banked_lesson()
    running.notebook.bank(lesson)

    assert running.trex("lessons", "forget", lesson.id).exit_code == 0

    assert running.notebook.lessons() == ()


@pytest.mark.parametrize("command", ["ignore", "forget"])
def test_a_lesson_that_is_not_there_is_one_line_and_status_2(
    running: RealApi, command: str
) -> None:
    done = running.trex("lessons", command, "j-1/2/r")

    assert done.exit_code == 2
    assert done.stderr == (
        "trex: wanted the id of a lesson, found 'j-1/2/r'; `trex lessons` lists them\n"
    )


def test_calls_are_shown_in_their_order_with_what_is_new_in_each(running: RealApi) -> None:
    useless = call(SYSTEM, QUESTION, reply=WRONG.text, fault="it is no number")
    repaired = call(SYSTEM, QUESTION, WRONG, REPAIR, reply="learning_rate: 0.001", at=2_000.0)
    running.notebook.keep(JOB, WorkId("brief"), useless)
    running.notebook.keep(JOB, WorkId("brief"), repaired)

    drawn = running.trex("calls", "0").stdout
    shown = "\n".join(line.rstrip() for line in drawn.splitlines())

    first, second = shown.split("2. ideas 1 0123456789ab · qwen3 · 120 tokens, money 0.003 · 2 s")
    assert first.startswith("1. ideas 1 0123456789ab")
    assert "  What next?\n   [31mRows: …" in first
    assert "of no use: it is no number" in first
    assert "as before: 2 messages" in second
    assert "wanted a number, found 'fast'" in second
    assert "You improve recipes." not in second
    assert shown.endswith("reply\n  learning_rate: 0.001")


def test_long_texts_are_cut_unless_all_is_wanted(running: RealApi) -> None:
    long = call(SYSTEM, reply="x" * 2_000 + "END")
    running.notebook.keep(JOB, WorkId("brief"), long)

    cut, full = (running.trex("calls", "0", JOB, *more).stdout for more in ([], ["--full"]))

    assert "… 503 more characters; --full shows them" in cut
    assert "END" not in cut
    assert "END" in full


def test_calls_can_be_had_as_json(running: RealApi) -> None:
    running.notebook.keep(JOB, WorkId("brief"), CALL)

    done = running.trex("calls", "0", "--json")

    assert [Call.model_validate(one) for one in json.loads(done.stdout)] == [CALL]


def test_an_experiment_of_rules_alone_has_no_calls(running: RealApi) -> None:
    done = running.trex("calls", "0")

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "no language model was asked about #0\n"
