import json
from typing import Any

import pytest

from services.researcher.llm.asking.replies import Reply, read_reply


def completion(message: dict[str, Any], **more: object) -> bytes:
    return json.dumps({"choices": [{"message": message, **more}]}).encode()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"error": 1}']
)
def test_anything_but_a_completion_is_none(body: bytes) -> None:
    assert read_reply(body) is None


def test_text_may_be_missing_and_calls_may_lack_ids_and_arguments() -> None:
    call = {"type": "function", "function": {"name": "look"}}
    found = read_reply(completion({"content": None, "tool_calls": [call]}))

    assert found == Reply("", ("look",))


def test_a_call_may_lack_its_name() -> None:
    calls: list[dict[str, Any]] = [{"type": "function"}, {"function": None}, {"function": {}}]
    found = read_reply(completion({"content": "fine", "tool_calls": calls}))

    assert found == Reply("fine", ("?", "?", "?"))


def test_text_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "so "}, {"type": "image_url"}, {"type": "text", "text": "on"}]

    assert read_reply(completion({"content": parts})) == Reply("so on")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        7,
        {"total_tokens": 7},
        {"prompt_tokens": None, "completion_tokens": 2},
        {"prompt_tokens": 7.5, "completion_tokens": 2},
        {"prompt_tokens": 7, "completion_tokens": -2},
        {"prompt_tokens": 10**30, "completion_tokens": 2},
        {"prompt_tokens": 7, "completion_tokens": 10**10},
    ],
)
def test_an_odd_account_of_tokens_is_none_and_the_text_counts(usage: object) -> None:
    whole = {**json.loads(completion({"content": "fine"})), "usage": usage}

    assert read_reply(json.dumps(whole).encode()) == Reply("fine")


def test_a_reply_that_was_stopped_is_cut_off() -> None:
    found = read_reply(completion({"content": "and so"}, finish_reason="length"))

    assert found == Reply("and so", is_cut_off=True)


@pytest.mark.parametrize(("read", "expected"), [(7, (7, 2)), (0, None)])
def test_a_server_that_read_nothing_does_not_say_what_it_read(
    read: int, expected: tuple[int, int] | None
) -> None:
    whole = json.loads(completion({"content": "fine"}))
    whole["usage"] = {"prompt_tokens": read, "completion_tokens": 2}
    found = read_reply(json.dumps(whole).encode())

    assert found is not None
    assert found.usage == expected
