import json
from typing import Any

import httpx
import pytest

from shared.errors import Rejected
from trex.fake_llm.answers import Body, Says
from trex.fake_llm.plays import INJECTION, LONG, PLAYS, at_first, valid
from trex.fake_llm.server import FakeLlm

SCHEMA = {
    "type": "object",
    "properties": {"why": {"type": "string", "minLength": 2}, "k": {"type": "integer"}},
    "required": ["why", "k"],
}
RIGHT = {"why": "aa", "k": 0}


def body(**more: object) -> Body:
    shape = {"type": "json_schema", "json_schema": {"name": "idea", "schema": SCHEMA}}
    messages = [{"role": "user", "content": "an idea?"}]
    return {"model": "fake", "messages": messages, "response_format": shape, **more}


def ask(fake: FakeLlm, **more: object) -> httpx.Response:
    return httpx.post(f"{fake.url}/chat/completions", json=body(**more), timeout=10)


def choice(fake: FakeLlm) -> Any:
    return ask(fake).json()["choices"][0]


def text(fake: FakeLlm) -> str:
    return str(choice(fake)["message"]["content"])


def test_valid_answers_with_the_smallest_instance_of_the_shape() -> None:
    with FakeLlm() as fake:
        assert json.loads(text(fake)) == RIGHT


def test_a_shape_told_in_a_prompt_is_found() -> None:
    told = f"JSON schema idea:\n{json.dumps(SCHEMA)}\nNothing else."
    with FakeLlm() as fake:
        messages = [{"role": "system", "content": told}]
        raw = ask(fake, messages=messages, response_format=None).json()

    assert json.loads(raw["choices"][0]["message"]["content"]) == RIGHT


def test_truncated_stops_in_the_middle() -> None:
    with FakeLlm(PLAYS["truncated"]) as fake:
        found = choice(fake)

    assert found["finish_reason"] == "length"
    assert json.dumps(RIGHT).startswith(found["message"]["content"])
    assert found["message"]["content"] != json.dumps(RIGHT)


def test_wrong_types_have_the_right_fields() -> None:
    with FakeLlm(PLAYS["wrong-types"]) as fake:
        assert json.loads(text(fake)) == {"why": ["none"], "k": ["none"]}


def test_prose_stands_around_the_right_json() -> None:
    with FakeLlm(PLAYS["prose"]) as fake:
        said = text(fake)

    assert json.dumps(RIGHT) in said
    assert not said.startswith("{")


def test_empty_says_nothing() -> None:
    with FakeLlm(PLAYS["empty"]) as fake:
        assert text(fake) == ""


def test_a_tool_that_nobody_offered_is_called() -> None:
    with FakeLlm(PLAYS["unknown-tool"]) as fake:
        assert choice(fake)["message"]["tool_calls"][0]["function"]["name"] == "run_shell"


@pytest.mark.parametrize("status", [401, 402, 429, 500])
def test_refusals_are_refused(status: int) -> None:
    with FakeLlm(PLAYS[str(status)]) as fake:
        refusal = ask(fake)

    assert refusal.status_code == status
    assert ("Retry-After" in refusal.headers) == (status == 429)


def test_a_refused_key_is_repeated_as_servers_do() -> None:
    with FakeLlm(key="right") as fake:
        url, wrong = f"{fake.url}/models", {"Authorization": "Bearer wrong"}
        refusal = httpx.get(url, headers=wrong)

    assert refusal.status_code == 401
    assert "wrong" in refusal.text


def test_a_stall_sends_nothing_until_the_client_gives_up() -> None:
    with FakeLlm(PLAYS["stall"]) as fake, pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{fake.url}/chat/completions", json=body(), timeout=0.2)


def test_a_half_closed_answer_ends_too_early() -> None:
    with FakeLlm(PLAYS["half-closed"]) as fake, pytest.raises(httpx.RemoteProtocolError):
        ask(fake)


def test_a_half_closed_stream_has_no_end() -> None:
    with FakeLlm(PLAYS["half-closed"]) as fake:
        stream = ask(fake, stream=True).text

    assert stream.startswith("data: {")
    assert "[DONE]" not in stream


def test_long_is_a_hundred_kilobytes() -> None:
    with FakeLlm(PLAYS["long"]) as fake:
        assert len(text(fake)) == LONG


def test_an_injection_stands_in_a_valid_answer() -> None:
    with FakeLlm(PLAYS["injection"]) as fake:
        assert json.loads(text(fake)) == {"why": INJECTION, "k": 0}


def test_a_stream_says_the_same_in_pieces() -> None:
    with FakeLlm() as fake:
        lines = ask(fake, stream=True).text.split("\n\n")

    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    pieces = [c["delta"].get("content", "") for event in events for c in event["choices"]]
    assert json.loads("".join(pieces)) == RIGHT
    assert lines[-2:] == ["data: [DONE]", ""]


def test_a_fault_lasts_as_long_as_it_is_told() -> None:
    with FakeLlm(at_first(2, PLAYS["500"])) as fake:
        assert [ask(fake).status_code for _ in range(4)] == [500, 500, 200, 200]


def test_a_play_sees_the_request_and_how_many_came_before() -> None:
    def play(asked: Body, nth: int) -> Says:
        return Says(f"{asked['messages'][0]['content']} {nth}")

    with FakeLlm(play) as fake:
        assert [text(fake), text(fake)] == ["an idea? 0", "an idea? 1"]
        assert fake.asked == [body(), body()]


def test_it_counts_tokens_as_vllm_does() -> None:
    with FakeLlm() as fake:
        found = httpx.post(fake.url.replace("/v1", "/tokenize"), json={"prompt": "x" * 9}).json()
        models = httpx.get(f"{fake.url}/models").json()["data"]

    assert found["count"] == 3
    assert models[0]["max_model_len"] == 32768


def test_what_does_not_fit_its_window_is_refused() -> None:
    with FakeLlm(window=100) as fake:
        refusal = ask(fake, max_tokens=100)

    assert refusal.status_code == 400
    assert "maximum context length is 100" in refusal.text


def test_a_port_that_is_taken_is_told() -> None:
    with FakeLlm() as fake:
        port = httpx.URL(fake.url).port or 0

        with pytest.raises(Rejected, match=f"wanted port {port}"):
            FakeLlm(valid, port=port).__enter__()
