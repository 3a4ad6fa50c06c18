"""What every notebook must do; subclass and fill in the fixture."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.contracts.base import WorkId
from shared.contracts.counsel import Call, Caps, Message, Spend
from shared.contracts.lesson import BankedLesson, Remark
from shared.errors import Unknown
from shared.notebook import MOST_CALLS, Notebook
from tests.support.examples import JOB, banked_lesson

DAY = "2026-11-26"
OTHER = type(JOB)("j-ffffffff")
WORK = WorkId("propose-1")
FREE = Caps()
CALL = Call(
    prompt="ideas 1 0123456789ab",
    model="qwen3",
    asked=(Message(role="user", text="What next? ✓"),),
    reply='{"ideas": []}',
    spend=Spend(tokens=120, money=0.003),
    at=1_000.0,
    seconds=2.5,
)


class NotebookSuite:
    @pytest.fixture
    def notebook(self) -> Notebook:
        raise NotImplementedError("the subclass gives an empty notebook")

    def test_what_was_set_aside_counts_for_the_job_and_the_day(self, notebook: Notebook) -> None:
        most = Spend(tokens=100, money=0.1)

        assert notebook.reserve(JOB, DAY, most, job=FREE, daily=FREE) is None

        assert notebook.spent(JOB) == notebook.spent_on(DAY) == most
        assert notebook.spent(OTHER) == notebook.spent_on("2026-11-27") == Spend()

    def test_what_a_call_cost_takes_the_place_of_what_was_set_aside(
        self, notebook: Notebook
    ) -> None:
        most = Spend(tokens=100, money=0.1)
        notebook.reserve(JOB, DAY, most, job=FREE, daily=FREE)
        notebook.reserve(JOB, DAY, most, job=FREE, daily=FREE)

        notebook.settle(JOB, DAY, most, Spend(tokens=30, money=0.02))

        assert notebook.spent(JOB) == notebook.spent_on(DAY) == Spend(tokens=130, money=0.12)

    def test_a_cap_may_be_reached_and_not_passed(self, notebook: Notebook) -> None:
        most, caps = Spend(tokens=100, money=0.1), Caps(tokens=1000, money=0.3)

        answers = [notebook.reserve(JOB, DAY, most, job=caps, daily=FREE) for _ in range(4)]

        assert answers[:3] == [None, None, None]
        assert answers[3] == ("the job's cap of 0.3 in money, of which 0.3 is spent or set aside")
        assert notebook.spent(JOB) == notebook.spent_on(DAY) == Spend(tokens=300, money=0.3)

    def test_the_caps_of_a_day_hold_for_all_its_jobs_together(self, notebook: Notebook) -> None:
        most, daily = Spend(tokens=1100), Caps(tokens=2000)
        notebook.reserve(JOB, DAY, most, job=FREE, daily=daily)

        refused = notebook.reserve(OTHER, DAY, most, job=FREE, daily=daily)
        tomorrow = notebook.reserve(OTHER, "2026-11-27", most, job=FREE, daily=daily)

        assert refused == ("the day's cap of 2,000 tokens, of which 1,100 are spent or set aside")
        assert tomorrow is None
        assert notebook.spent(OTHER) == most

    def test_callers_at_the_same_time_do_not_pass_a_cap_together(self, notebook: Notebook) -> None:
        def reserve(_: int) -> str | None:
            return notebook.reserve(JOB, DAY, Spend(tokens=10), job=Caps(tokens=95), daily=FREE)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(reserve, range(40)))

        assert answers.count(None) == 9
        assert notebook.spent(JOB) == Spend(tokens=90)

    def test_calls_come_back_in_their_order(self, notebook: Notebook) -> None:
        useless = CALL.model_copy(update={"reply": "", "fault": "nothing came", "at": 1_001.0})
        notebook.keep(JOB, WORK, CALL)
        notebook.keep(JOB, WORK, useless)

        assert notebook.calls(JOB, WORK) == (CALL, useless)
        assert notebook.calls(JOB, WorkId("propose-2")) == notebook.calls(OTHER, WORK) == ()

    def test_a_call_kept_again_is_kept_once(self, notebook: Notebook) -> None:
        later = CALL.model_copy(update={"at": 1_001.0})
        for call in (CALL, later, CALL):
            notebook.keep(JOB, WORK, call)

        assert notebook.calls(JOB, WORK) == (CALL, later)

    def test_of_very_many_calls_the_latest_are_kept(self, notebook: Notebook) -> None:
        calls = [CALL.model_copy(update={"at": float(at)}) for at in range(MOST_CALLS + 3)]
        for call in calls:
            notebook.keep(JOB, WORK, call)

        assert notebook.calls(JOB, WORK) == tuple(calls[3:])

    def test_lessons_come_back_the_oldest_first(self, notebook: Notebook) -> None:
        old, new = banked_lesson(experiment=2, at=1.0), banked_lesson(experiment=1, at=2.0)
        notebook.bank(new)
        notebook.bank(old)

        assert notebook.lessons() == (old, new)

    def test_a_later_measurement_takes_the_place_of_the_earlier(self, notebook: Notebook) -> None:
        short_run, full_run = banked_lesson(at=1.0), banked_lesson(effect=0.9, at=2.0)

        notebook.bank(short_run)
        notebook.bank(full_run)

        assert notebook.lessons() == (full_run,)

    def test_banking_a_lesson_again_keeps_what_a_person_said(self, notebook: Notebook) -> None:
        lesson, said = banked_lesson(), {"note": 'an odd "file" …', "ignored": True}
        notebook.bank(lesson)

        edited = notebook.edit(lesson.id, Remark.model_validate(said))
        notebook.bank(lesson.model_copy(update={"effect": 0.9}))

        assert edited == lesson.model_copy(update=said)
        assert notebook.lessons() == (edited.model_copy(update={"effect": 0.9}),)

    def test_what_a_remark_does_not_give_stays(self, notebook: Notebook) -> None:
        lesson = banked_lesson()
        notebook.bank(lesson)

        notebook.edit(lesson.id, Remark(note="an odd file"))
        both = notebook.edit(lesson.id, Remark(ignored=True))
        nothing = notebook.edit(lesson.id, Remark())

        assert both == nothing == lesson.model_copy(update={"note": "an odd file", "ignored": True})
        assert notebook.edit(lesson.id, Remark(note=None)) == lesson.model_copy(
            update={"ignored": True}
        )

    def test_persons_who_edit_at_the_same_time_lose_nothing(self, notebook: Notebook) -> None:
        lessons = [banked_lesson(experiment=number) for number in range(1, 21)]
        for lesson in lessons:
            notebook.bank(lesson)
        remarks = Remark(note="an odd file"), Remark(ignored=True)

        with ThreadPoolExecutor(8) as pool:
            for lesson in lessons:
                for remark in remarks:
                    pool.submit(notebook.edit, lesson.id, remark)

        assert {(one.note, one.ignored) for one in notebook.lessons()} == {("an odd file", True)}

    def test_what_a_person_said_can_be_taken_back(self, notebook: Notebook) -> None:
        lesson = banked_lesson()
        notebook.bank(lesson)
        notebook.edit(lesson.id, Remark(note="an odd file", ignored=True))

        assert notebook.edit(lesson.id, Remark(note=None, ignored=False)) == lesson
        assert notebook.lessons() == (lesson,)

    def test_a_forgotten_lesson_does_not_come_back(self, notebook: Notebook) -> None:
        gone, other = banked_lesson(experiment=1), banked_lesson(experiment=2)
        notebook.bank(gone)
        notebook.bank(other)

        notebook.forget(gone.id)
        notebook.forget(gone.id)
        notebook.bank(gone)

        assert notebook.lessons() == (other,)
        with pytest.raises(Unknown, match="`trex lessons` lists them"):
            notebook.edit(gone.id, Remark(note="?"))

    def test_a_lesson_that_nobody_banked_cannot_be_forgotten_and_can_be_banked_later(
        self, notebook: Notebook
    ) -> None:
        lesson: BankedLesson = banked_lesson()

        with pytest.raises(Unknown, match="wanted the id of a lesson"):
            notebook.forget(lesson.id)
        notebook.bank(lesson)

        assert notebook.lessons() == (lesson,)

    def test_a_lesson_that_is_not_there_cannot_be_edited(self, notebook: Notebook) -> None:
        unknown: Any = "j-1/1/learning_rate"

        with pytest.raises(Unknown, match="wanted the id of a lesson, found 'j-1/1/learning_rate'"):
            notebook.edit(unknown, Remark(ignored=True))
