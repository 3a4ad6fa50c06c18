"""GTA: how a step is read out of an answer in the ReAct protocol."""

import json
from typing import Any

import pytest

from ftbench.tasks.gta.react import Call, Finish, Tool, read_step

PATHS = ["image/image_1.jpg"]
OCR: Tool = {"name": "OCR", "inputs": [{"name": "image", "type": "image", "optional": False}]}
SEARCH: Tool = {
    "name": "GoogleSearch",
    "description": "Searches the web.",
    "inputs": [
        {"name": "query", "type": "text", "description": "what to look for"},
        {"name": "k", "type": "int", "optional": True, "default": 10},
    ],
    "outputs": [{"type": "text", "name": "found", "description": "pages"}, {"type": "image"}],
}
TOOLS = [OCR, SEARCH]
READ = 'Action: OCR\nAction Input: {"image": "image/image_1.jpg"}'
READS = Call("OCR", {"image": "image/image_1.jpg"}, works=True)
NO_CALL = Call(None, None, works=False)


def step(answer: str) -> Finish | Call:
    return read_step(answer, TOOLS, PATHS)


def search(arguments: str) -> Finish | Call:
    return step(f"Action: GoogleSearch\nAction Input: {arguments}")


def test_a_call_has_a_tool_and_its_arguments() -> None:
    assert step(READ) == READS
    assert step(f"Thought: read it.\n{READ}\n") == READS
    assert step('Action:OCR\nAction Input:{"image": "image/image_1.jpg"}') == READS


def test_a_final_answer_ends_the_conversation_whatever_else_there_is() -> None:
    assert step("Final Answer: 12") == Finish(" 12")
    assert step(f"{READ}\nResponse: 4\nFinal Answer: 4\nFinal Answer: 5") == Finish(" 5")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "It says stop.",
        "Action: OCR",
        "Action: OCR\n",
        'Action Input: {"image": "image/image_1.jpg"}',
        'Action: Ocr\nAction Input: {"image": "image/image_1.jpg"}',
        'Action: `OCR`\nAction Input: {"image": "image/image_1.jpg"}',
        "Action: Calculator\nAction Input: {}",
        'Action: OCR Action Input: {"image": "image/image_1.jpg"}',
    ],
)
def test_without_a_tool_that_there_is_or_without_input_nothing_is_called(answer: str) -> None:
    assert step(answer) == NO_CALL


def test_the_last_action_is_taken_with_everything_after_the_first_input() -> None:
    made_up = f'{READ}\nResponse: 4\nAction: GoogleSearch\nAction Input: {{"query": "4"}}'

    assert step(made_up) == Call("GoogleSearch", None, works=False)


def test_an_action_counts_only_when_its_line_ends() -> None:
    assert step(f"{READ}\nAction: GoogleSearch") == Call("OCR", None, works=False)


def test_a_full_stop_after_the_tool_names_it_without_calling_it() -> None:
    assert step(READ.replace("OCR", "OCR.")) == Call("OCR", None, works=False)
    assert step(READ.replace("OCR", "OCR.run")) == READS


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ('{"query": "kites"}', {"query": "kites"}),
        ('"{"query": "kites"}"', {"query": "kites"}),
        ('```json\n{"query": "kites"}\n```', {"query": "kites"}),
        ('{"query": "kites"}\n```', {"query": "kites"}),
        ('```\n{"query": "kites"}\n```', None),
        ('```json\n{"query": "kites"}```', None),
        ('{"query": "kites"}\nObservation: many', None),
        ("{'query': 'kites'}", None),
        ("kites", None),
        ('["query"]', None),
        ('"query"', None),
        ("5", None),
        ("[" * 50_000, None),
        ("9" * 50_000, None),
    ],
)
def test_arguments_are_one_json_object_bare_or_fenced(
    arguments: str, read: dict[str, Any] | None
) -> None:
    assert search(arguments) == Call("GoogleSearch", read, works=read is not None)


@pytest.mark.parametrize("arguments", ['{"query": "kites", "page": 2}', '{"k": 5}', "{}"])
def test_unknown_and_missing_arguments_cannot_be_read(arguments: str) -> None:
    assert search(arguments) == Call("GoogleSearch", None, works=False)


@pytest.mark.parametrize(
    ("k", "works"),
    [
        ("5", True),
        ('"5"', True),
        ("5.7", True),
        ("true", True),
        ('"five"', False),
        ("null", False),
        ("[5]", False),
        ("Infinity", False),
        ("NaN", False),
    ],
)
def test_a_call_fails_where_a_number_is_wanted_and_none_can_be_made(k: str, works: bool) -> None:
    found = search(f'{{"query": "kites", "k": {k}}}')

    assert isinstance(found, Call)
    assert found.arguments is not None
    assert found.works is works


@pytest.mark.parametrize("path", ['"image/image_2.jpg"', '"image_1.jpg"', "7", "null", "[]"])
def test_a_call_fails_on_a_file_that_nobody_mentioned(path: str) -> None:
    found = step(f'Action: OCR\nAction Input: {{"image": {path}}}')

    assert found == Call("OCR", {"image": json.loads(path)}, works=False)
