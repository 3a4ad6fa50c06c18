from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.executor.teacher.teacher import ASKING, IN_A_ROW, REPLIES, SPENT, Teacher
from shared.asking.asker import CUT_OFF, NOT_TEXT, REFUSED
from shared.asking.question import Question, Reply
from shared.asking.replies import Replies
from shared.contracts.run import Progress
from shared.errors import DataFailed, Unavailable
from shared.settings import TeacherSettings
from tests.support.chat_server import HANG_UP, KEY, ChatServer, Raw, problem
from tests.support.chat_server import Reply as Said
from tests.unit.shared.asking.test_pace import Clock

ROOMY = 10**9
QUESTIONS = [str(number) for number in range(12)]


def teacher(
    server: ChatServer,
    cache: Path,
    *,
    key: str | None = KEY,
    concurrency: int = 8,
    per_minute: int | None = None,
    clock: Clock | None = None,
    say: Callable[[Progress], None] = lambda _: None,
) -> Teacher:
    settings = TeacherSettings(
        url=server.url,
        key=None if key is None else SecretStr(key),
        concurrency=concurrency,
        requests_per_minute=per_minute,
    )
    clock = clock or Clock()
    return Teacher(settings, cache, say, clock=clock, sleep=clock.sleep, retries=2)


def asked(texts: list[str], max_tokens: int = 9) -> list[tuple[str, Question]]:
    return [
        (text, Question("large", [{"role": "user", "content": text}], max_tokens, 0.0, 0))
        for text in texts
    ]


def replies(
    teacher: Teacher, texts: list[str], *, budget: int = ROOMY, max_tokens: int = 9
) -> list[Reply]:
    found = list(teacher.answers(asked(texts, max_tokens), budget_tokens=budget, steps=len(texts)))
    assert [item for item, _ in found] == texts
    return [reply for _, reply in found]


def texts(found: list[Reply]) -> list[str]:
    return [reply.text for reply in found]


def test_replies_come_in_order_though_the_server_answers_out_of_order(tmp_path: Path) -> None:
    def later_first(question: str, before: int) -> Said:
        return Said(f"to {question}", delay_s=0.1 / (1 + int(question)))

    with ChatServer(later_first) as server:
        found = replies(teacher(server, tmp_path), QUESTIONS)

    assert texts(found) == [f"to {question}" for question in QUESTIONS]
    assert server.most_at_once > 1


def test_never_more_questions_wait_than_may(tmp_path: Path) -> None:
    with ChatServer(lambda question, before: Said(delay_s=0.02)) as server:
        replies(teacher(server, tmp_path, concurrency=3), QUESTIONS)

    assert server.most_at_once == 3


def test_few_questions_are_taken_up_before_their_replies_are_wanted(tmp_path: Path) -> None:
    taken = count()

    with ChatServer() as server:
        endless = ((next(taken), question) for _, question in iter(lambda: asked(["0"])[0], None))
        answers = teacher(server, tmp_path, concurrency=2).answers(
            endless, budget_tokens=ROOMY, steps=0
        )
        assert next(answers)[0] == 0
        answers.close()  # type: ignore[attr-defined]

    assert next(taken) < 20


def test_what_was_replied_to_before_is_not_asked_again(tmp_path: Path) -> None:
    with ChatServer() as server:
        first = replies(teacher(server, tmp_path), QUESTIONS[:5])
        again = replies(teacher(server, tmp_path), QUESTIONS)

    assert again[:5] == first
    assert set(server.asked.values()) == {1}


def test_a_question_that_is_under_way_is_not_asked_again(tmp_path: Path) -> None:
    with ChatServer(lambda question, before: Said(str(before), delay_s=0.02)) as server:
        found = replies(teacher(server, tmp_path), ["same"] * 4)

    assert texts(found) == ["0"] * 4
    assert server.asked == {"same": 1}


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    def busy_once(question: str, before: int) -> Said | Raw:
        return Said(f"to {question}") if before else problem(429, "too many requests")

    with ChatServer(busy_once) as server:
        found = replies(teacher(server, tmp_path), QUESTIONS)

    assert texts(found) == [f"to {question}" for question in QUESTIONS]


def test_requests_go_as_often_as_they_may_and_those_asked_again_count(tmp_path: Path) -> None:
    def busy_once(question: str, before: int) -> Said | Raw:
        return problem(503, "busy") if question == "1" and not before else Said()

    clock = Clock()
    with ChatServer(busy_once) as server:
        replies(teacher(server, tmp_path, per_minute=60, clock=clock), ["0", "1", "2"])

    assert server.asked.total() == 4
    assert clock.slept == [1, 2, 3]


@pytest.mark.parametrize("trouble", [problem(503, "busy"), problem(500, "broken"), HANG_UP])
def test_a_server_that_stays_away_is_given_up_and_what_it_replied_is_kept(
    tmp_path: Path, trouble: Raw
) -> None:
    def dies(question: str, before: int) -> Said | Raw:
        return Said() if question == "0" else trouble

    with (
        ChatServer(dies) as server,
        pytest.raises(Unavailable, match=r"wanted replies from http://127.* what it replied is"),
    ):
        replies(teacher(server, tmp_path, concurrency=1), ["0", "1"])

    key = asked(["0"])[0][1].key
    with closing(Replies(tmp_path / REPLIES)) as kept:
        assert kept.find(key) == Reply("fine", 10)


def test_a_refused_question_is_passed_over_and_asked_again_another_time(tmp_path: Path) -> None:
    def refuses(question: str, before: int) -> Said | Raw:
        return problem(400, "too long") if question == "1" and not before else Said()

    with ChatServer(refuses) as server:
        found = replies(teacher(server, tmp_path), ["0", "1", "2"])
        again = replies(teacher(server, tmp_path), ["0", "1", "2"])

    assert [reply.fault for reply in found] == [None, REFUSED, None]
    assert found[1].tokens == 0
    assert [reply.fault for reply in again] == [None, None, None]


def test_a_server_that_refuses_every_question_is_not_asked_for_long(tmp_path: Path) -> None:
    many = [str(number) for number in range(100)]

    with (
        ChatServer(lambda question, before: problem(400, "no response_format")) as server,
        pytest.raises(DataFailed, match=f"refuses the first {IN_A_ROW} .*no response_format"),
    ):
        replies(teacher(server, tmp_path), many)

    assert server.asked.total() < 60


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (Said("half a", finish_reason="length"), CUT_OFF),
        (Said("no", finish_reason="content_filter"), REFUSED),
        (Said("\ud800"), NOT_TEXT),
        (Said(None), None),
    ],
)
def test_a_reply_that_is_not_whole_says_why_and_was_paid_for(
    tmp_path: Path, said: Said, fault: str | None
) -> None:
    with ChatServer(lambda question, before: said) as server:
        (found,) = replies(teacher(server, tmp_path), ["0"])

    assert (found.fault, found.tokens) == (fault, 10)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (problem(404, "no such model"), "refuses .*no such model.*; check the model's name"),
        (Raw(200, "<html>welcome</html>", "text/html"), "wanted chat completions .*welcome"),
        (Raw(200, "{}"), "wanted chat completions"),
        (Said(tokens=None), "needs a server that reports usage"),
    ],
)
def test_what_will_never_work_is_said_at_once(
    tmp_path: Path, said: Said | Raw, sentence: str
) -> None:
    with (
        ChatServer(lambda question, before: said) as server,
        pytest.raises(DataFailed, match=sentence),
    ):
        replies(teacher(server, tmp_path, concurrency=1), QUESTIONS)

    assert server.asked.total() <= 2  # the next may be on its way


def test_no_message_holds_the_key(tmp_path: Path) -> None:
    with (
        ChatServer(lambda question, before: problem(403, f"bad key {KEY}")) as server,
        pytest.raises(DataFailed, match="bad key <key>") as failure,
    ):
        replies(teacher(server, tmp_path), ["0"])

    assert KEY not in str(failure.value)
    assert KEY not in repr(teacher(server, tmp_path))


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(tmp_path: Path) -> None:
    with ChatServer() as server, pytest.raises(DataFailed, match="TREX_TEACHER_KEY") as failure:
        replies(teacher(server, tmp_path, key="hunter2\n"), ["0"])

    assert "hunter2" not in str(failure.value)


def test_replies_are_used_in_order_until_the_budget_is_spent(tmp_path: Path) -> None:
    def costs(question: str, before: int) -> Said:
        return Said(tokens=100 if question == "3" else 10, delay_s=0.1 / (1 + int(question)))

    with ChatServer(costs) as server:
        found = replies(teacher(server, tmp_path), QUESTIONS, budget=60, max_tokens=1)

    assert [reply.fault for reply in found] == [None] * 3 + [SPENT] * 9
    assert [reply.tokens for reply in found] == [10, 10, 10, 100] + [0] * 8


def test_a_budget_that_fits_to_the_token_is_enough(tmp_path: Path) -> None:
    with ChatServer() as server:
        found = replies(teacher(server, tmp_path), QUESTIONS, budget=50)

    assert [reply.fault for reply in found] == [None] * 5 + [SPENT] * 7


def test_hardly_anything_is_asked_that_the_budget_has_no_room_for(tmp_path: Path) -> None:
    with ChatServer() as server:
        replies(teacher(server, tmp_path), QUESTIONS, budget=55)

    assert server.asked.total() == 6  # one more reply is paid for than used


def test_replies_that_were_paid_for_before_count_as_much(tmp_path: Path) -> None:
    with ChatServer() as server:
        replies(teacher(server, tmp_path), QUESTIONS)
        found = replies(teacher(server, tmp_path), QUESTIONS, budget=50)

    assert [reply.fault for reply in found] == [None] * 5 + [SPENT] * 7


def test_it_says_about_once_a_second_how_far_it_is(tmp_path: Path) -> None:
    said: list[Progress] = []
    clock = Clock()

    with ChatServer() as server:
        answers = teacher(server, tmp_path, clock=clock, say=said.append).answers(
            asked(QUESTIONS), budget_tokens=ROOMY, steps=12
        )
        for _ in answers:
            clock.now += 0.25

    assert [one.phase for one in said] == [ASKING] * 3 + ["preparing data"]
    assert [(one.step, one.steps) for one in said[:-1]] == [(0, 12), (5, 12), (9, 12)]


def test_the_request_says_what_was_asked_for(tmp_path: Path) -> None:
    with ChatServer() as server:
        replies(teacher(server, tmp_path), ["0"])

    assert server.bodies == [asked(["0"])[0][1].request]
