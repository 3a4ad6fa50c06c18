"""Runs against a real small server: what is written, what is asked again, what stops them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.endpoint import IN_A_ROW, EndpointModel, answer_by_endpoint
from ftbench.predictions import read_predictions
from ftbench.running import RunEnd, run_task
from ftbench.task import Item
from ftbench.tasks import get_task
from shared.endpoints import address_of
from shared.errors import Rejected, Unavailable
from tests.support.chat_server import HANG_UP, KEY, ChatServer, Raw, Reply, fine, problem
from tests.support.questions import questions
from trex.processes import free_port

TASK = get_task("sst2")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "predictions.jsonl"


def model_of(server: ChatServer) -> EndpointModel:
    return EndpointModel(server.url, "tiny", KEY, concurrency=4)


def run(server: ChatServer, out: Path, items: list[Item], **options: object) -> RunEnd:
    asked: dict[str, object] = {"model": model_of(server), "scope": "test", **options}
    return run_task(TASK, items, out=out, **asked)  # type: ignore[arg-type]


def written(out: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["prediction"] for row in rows}


def test_every_item_is_asked_once_and_its_answer_written(server: ChatServer, out: Path) -> None:
    end = run(server, out, questions(50))

    assert end == RunEnd(asked=50, answered=50, cut=0, failed={})
    assert written(out) == {f"q/{n}": f"to {n}?" for n in range(50)}
    assert server.asked == Counter(f"{n}?" for n in range(50))


def test_what_is_written_can_be_scored(server: ChatServer, out: Path) -> None:
    items = questions(5)
    run(server, out, items)

    read = read_predictions(out, TASK, items, items, missing_as_wrong=False)

    assert read.answers["q/3"] == "to 3?"


def test_a_request_says_all_that_decides_the_answer(server: ChatServer, out: Path) -> None:
    model = replace(model_of(server), extra={"repetition_penalty": 1.0})

    run(server, out, questions(1), model=model, max_new_tokens=7)

    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "0?"},
            ],
            "max_tokens": 7,
            "temperature": 0.0,
            "top_p": 1.0,
            "repetition_penalty": 1.0,
        }
    ]


def test_no_more_items_are_under_way_than_allowed(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: Reply(delay_s=0.02)

    run(server, out, questions(40))

    assert server.most_at_once == 4


def test_progress_counts_what_was_there_before(server: ChatServer, out: Path) -> None:
    run(server, out, questions(3))
    told: list[tuple[int, int]] = []
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:2]))

    run(server, out, questions(3), on_progress=lambda done, total: told.append((done, total)))

    assert told == [(2, 3), (3, 3)]


def test_a_finished_run_asks_nobody(server: ChatServer, out: Path) -> None:
    run(server, out, questions(3))
    server.behave = lambda question, before: problem(401, "nobody may ask")

    assert run(server, out, questions(3)) == RunEnd(asked=0, answered=3, cut=0, failed={})


def test_answers_that_were_cut_are_counted_over_all_calls(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: (
        Reply(None, "length") if question == "0?" else problem(400, "no")
    )
    run(server, out, questions(2))
    server.behave = lambda question, before: Reply("so…", "length")

    end = run(server, out, questions(2))

    assert end.cut == 2
    assert written(out) == {"q/0": "", "q/1": "so…"}


def test_half_a_character_is_written_as_something_that_can_be_read(
    server: ChatServer, out: Path
) -> None:
    server.behave = lambda question, before: Reply("好\ud83d")

    run(server, out, questions(1))

    assert written(out) == {"q/0": "好?"}


# What may pass


def test_a_busy_server_is_asked_again(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: (
        problem(429, "slow down") if before < 2 else fine(question, before)
    )

    assert run(server, out, questions(3)).answered == 3
    assert set(server.asked.values()) == {3}


def test_a_connection_that_breaks_is_tried_again(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: HANG_UP if before < 1 else fine(question, before)

    assert run(server, out, questions(4)).answered == 4


def test_a_server_that_stays_busy_stops_the_run_and_what_was_answered_stays(
    server: ChatServer, out: Path
) -> None:
    server.behave = lambda question, before: (
        fine(question, before) if question == "0?" else problem(503, "overloaded")
    )
    one_at_a_time = replace(model_of(server), concurrency=1)

    with pytest.raises(Unavailable, match=r"busy or away \(.*overloaded\)"):
        run(server, out, questions(3), model=one_at_a_time)

    assert written(out) == {"q/0": "to 0?"}


def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port(None, name='nobody')}"

    with pytest.raises(Unavailable, match=rf"{url}/v1, found that none came \(ConnectError.+\)"):
        answer_by_endpoint(
            questions(3),
            EndpointModel(url, "tiny"),
            max_new_tokens=8,
            known_to_work=False,
            take=lambda _: None,
            retries=0,
        )


# What fails for one item


def test_an_item_that_is_refused_stays_unanswered_and_the_rest_is_done(
    server: ChatServer, out: Path
) -> None:
    server.behave = lambda question, before: (
        problem(400, "maximum context length is 2048 tokens")
        if question == "7?"
        else fine(question, before)
    )

    end = run(server, out, questions(30))

    assert end.answered == 29
    assert list(end.failed) == ["q/7"]
    assert "was refused: " in end.failed["q/7"]
    assert "maximum context length" in end.failed["q/7"]
    assert "q/7" not in written(out)


def test_only_what_failed_is_asked_again(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: (
        problem(400, "too long") if question == "1?" else fine(question, before)
    )
    run(server, out, questions(3))
    server.behave = fine

    end = run(server, out, questions(3))

    assert end == RunEnd(asked=1, answered=3, cut=0, failed={})
    assert server.asked == {"0?": 1, "1?": 2, "2?": 1}


def test_an_item_that_breaks_the_server_does_not_stop_the_others(
    server: ChatServer, out: Path
) -> None:
    server.behave = lambda question, before: (
        problem(500, "EngineCore encountered an issue")
        if question == "1?"
        else fine(question, before)
    )

    end = run(server, out, questions(5))

    assert end.answered == 4
    assert end.failed["q/1"].startswith("broke the server: ")


@pytest.mark.parametrize("reason", ["content_filter", "abort"])
def test_an_answer_the_server_broke_off_is_no_answer(
    server: ChatServer, out: Path, reason: str
) -> None:
    server.behave = lambda question, before: Reply("I", reason)

    assert run(server, out, questions(1)).failed == {
        "q/0": f"was broken off by the server: {reason}"
    }


def test_an_error_that_comes_as_a_success_is_no_answer(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: Raw(200, '{"error": {"message": "upstream"}}')

    end = run(server, out, questions(1))

    assert "was not answered: " in end.failed["q/0"]
    assert "upstream" in end.failed["q/0"]


def test_many_refusals_do_not_stop_a_run_that_works(server: ChatServer, out: Path) -> None:
    count = IN_A_ROW + 10
    server.behave = lambda question, before: (
        fine(question, before) if question == "0?" else problem(400, "too long")
    )
    run(server, out, questions(count), model=replace(model_of(server), concurrency=1))

    end = run(server, out, questions(count))

    assert len(end.failed) == count - 1


# What fails for all


def test_refusals_without_a_single_answer_stop_the_run(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: problem(400, "max_tokens is not supported")

    with pytest.raises(Rejected, match=r"found none among its first 20 replies.*max_tokens is not"):
        run(server, out, questions(1000))

    assert len(server.bodies) < 30


def test_a_server_that_breaks_on_everything_stops_the_run(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: (
        fine(question, before) if question == "0?" else problem(500, "connection to backend lost")
    )

    with pytest.raises(Unavailable, match=r"broke on 20 items one after the other.*backend lost"):
        run(server, out, questions(1000))

    assert len(server.asked) < 30


def test_a_wrong_key_is_refused_and_not_shown(server: ChatServer, out: Path) -> None:
    with pytest.raises(Rejected, match="no such key") as caught:
        run(server, out, questions(3), model=replace(model_of(server), key="hidden"))

    assert "hidden" not in str(caught.value)


def test_a_key_with_a_line_break_is_refused_and_not_shown(server: ChatServer, out: Path) -> None:
    with pytest.raises(Rejected, match="line break") as caught:
        run(server, out, questions(3), model=replace(model_of(server), key="hidden\n"))

    assert "hidden" not in str(caught.value)
    assert "hidden" not in repr(replace(model_of(server), key="hidden"))


def test_a_model_nobody_serves_is_refused(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: problem(404, "The model `tiny` does not exist.")

    with pytest.raises(
        Rejected, match=r"answers of 'tiny' from .*does not exist.*the model's name"
    ):
        run(server, out, questions(3))


@pytest.mark.parametrize(
    "page", [Raw(200, "<html>Hello</html>", "text/html"), Raw(200, "<html>Hello</html>")]
)
def test_an_address_that_is_no_chat_server_is_refused(
    server: ChatServer, out: Path, page: Raw
) -> None:
    server.behave = lambda question, before: page

    with pytest.raises(Rejected, match=r"wanted chat completions from http.*check the url"):
        run(server, out, questions(3))


def test_nobody_is_asked_when_nothing_may_be_under_way(server: ChatServer, out: Path) -> None:
    with pytest.raises(Rejected, match="at least 1 item at a time, found 0"):
        run(server, out, questions(3), model=replace(model_of(server), concurrency=0))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
        ("https://a.b/v1beta/openai", "https://a.b/v1beta/openai"),
        ("https://a.b/serve?token=hidden", "https://a.b/serve/v1"),
    ],
)
def test_an_address_may_be_given_as_people_give_it(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://a", "http://", "http://[", "http://a:b", "http://me:hidden@a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Rejected, match="wanted a server such as") as caught:
        address_of(url)

    assert "hidden" not in str(caught.value)


# Going on


def test_a_line_cut_off_in_writing_is_removed_said_and_asked_again(
    server: ChatServer, out: Path
) -> None:
    run(server, out, questions(3))
    whole = out.read_bytes()
    out.write_bytes(whole[:-9])
    said: list[str] = []

    end = run(server, out, questions(3), say=said.append)

    assert end == RunEnd(asked=1, answered=3, cut=0, failed={})
    assert sorted(out.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert said == [
        f"{out}: the last line was cut off while it was written; its item is asked again"
    ]


def test_a_first_line_cut_off_in_writing_is_asked_again(server: ChatServer, out: Path) -> None:
    out.write_text('{"id": "q/')

    assert run(server, out, questions(2)).answered == 2
    assert len(written(out)) == 2


def test_the_record_says_what_was_asked_of_whom(server: ChatServer, out: Path) -> None:
    run(server, out, questions(3))

    record = json.loads(Path(f"{out}.run.json").read_text())

    assert len(record.pop("items_sha256")) == 64
    assert record == {
        "task": "sst2",
        "scope": "test",
        "model": "tiny",
        "max_new_tokens": 8,
        "sampling": {"temperature": 0.0, "top_p": 1.0},
        "items": 3,
        "engines": [server.url],
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "other"}, "model 'tiny' and not 'other'"),
        ({"scope": "dev"}, "scope 'test' and not 'dev'"),
        ({"max_new_tokens": 9}, "max_new_tokens 8 and not 9"),
        ({"extra": {"seed": 1}}, "sampling {.*} and not {.*'seed': 1}"),
        ({"items": questions(4)}, "items 3 and not 4, items_sha256 "),
        ({"items": questions(4)[1:]}, "items_sha256 "),
    ],
)
def test_another_run_does_not_go_on_with_the_file(
    server: ChatServer, out: Path, change: dict[str, object], sentence: str
) -> None:
    run(server, out, questions(3))
    before = out.read_bytes()
    options: dict[str, object] = {"items": questions(3), **change}
    model = replace(
        model_of(server),
        name=str(options.pop("model", "tiny")),
        extra=options.pop("extra", {}),  # type: ignore[arg-type]
    )

    with pytest.raises(Rejected, match=f"answers of another run: {sentence}"):
        run(server, out, model=model, **options)  # type: ignore[arg-type]

    assert out.read_bytes() == before


def test_the_same_model_at_another_address_goes_on_and_both_are_recorded(out: Path) -> None:
    with ChatServer(lambda question, before: problem(400, "no")) as first:
        first.behave = lambda question, before: (
            fine(question, before) if question == "0?" else problem(400, "no")
        )
        run(first, out, questions(2))
    with ChatServer() as second:
        assert run(second, out, questions(2)).answered == 2

    record = json.loads(Path(f"{out}.run.json").read_text())
    assert record["engines"] == [first.url, second.url]


def test_a_file_nothing_is_known_of_is_left_alone(server: ChatServer, out: Path) -> None:
    out.write_text('{"id": "q/0", "prediction": "mine"}\n')

    with pytest.raises(Rejected, match=r"no record of its run at .*\.run\.json"):
        run(server, out, questions(3))

    assert out.read_text() == '{"id": "q/0", "prediction": "mine"}\n'


def test_a_line_of_something_else_is_named(server: ChatServer, out: Path) -> None:
    run(server, out, questions(2))
    with out.open("a") as file:
        file.write("see below\n")

    with pytest.raises(Rejected, match=r"line 3: wanted a line that .* found 'see below'"):
        run(server, out, questions(2))


def test_a_place_that_is_no_file_is_refused(server: ChatServer, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"cannot be opened .*directory"):
        run(server, tmp_path, questions(2))


def test_two_runs_never_write_to_one_file(server: ChatServer, out: Path) -> None:
    refused: list[str] = []

    def second(done: int, total: int) -> None:
        if done == 1:
            with pytest.raises(Rejected) as caught:
                run(server, out, questions(3))
            refused.append(str(caught.value))

    assert run(server, out, questions(3), on_progress=second).answered == 3
    assert "found another process writing there" in refused[0]


RUN_IN_CHILD = f"""
import sys
from pathlib import Path
from ftbench.running import EndpointModel, run_task
from ftbench.tasks import get_task
from tests.support.questions import questions
model = EndpointModel(sys.argv[2], "tiny", {KEY!r}, concurrency=4)
run_task(get_task("sst2"), questions(200), out=Path(sys.argv[1]), model=model, scope="test")
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_where_it_was(server: ChatServer, out: Path) -> None:
    server.behave = lambda question, before: Reply(f"to {question}", delay_s=0.01)
    command = [sys.executable, "-c", RUN_IN_CHILD, str(out), server.url]
    with subprocess.Popen(command) as child:
        while len(server.bodies) < 40:
            assert child.poll() is None
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    kept = out.read_bytes().count(b"\n")

    end = run(server, out, questions(200))

    assert 20 < kept < 200
    assert end == RunEnd(asked=200 - kept, answered=200, cut=0, failed={})
    assert written(out) == {f"q/{n}": f"to {n}?" for n in range(200)}
    assert server.asked.total() <= 200 + 2 * 4  # none but those that were under way is asked twice
