import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item, Judged
from ftbench.tasks.gta.react import Call, Tool, read_step
from ftbench.tasks.gta.summary import has_the_words, token_f1
from ftbench.tasks.gta.task import TASK
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

NAME = "gta"
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
READ = 'Action: OCR\nAction Input: {"image": "image/image_1.jpg"}'


def item_of(id: str) -> Item:
    return next(item for item in fixture_items(NAME) if item.id == id)


def judged(id: str, answer: str) -> Judged:
    return TASK.judge(item_of(id), answer, strict=False)


def scores(answers: Mapping[str, str], items: Sequence[Item] | None = None) -> dict[str, Any]:
    """Score answers by id; an item without one gets an empty answer."""
    all_items = items or fixture_items(NAME)
    sums = total([TASK.judge(i, answers.get(i.id, ""), strict=False).counts for i in all_items])
    return {name: metric(sums) for name, metric in TASK.metrics.items()}


def published_answers(items: Sequence[Item]) -> dict[str, str]:
    return {item.id: str(item.answer) for item in items}


def load_sample(folder: Path, **changes: Any) -> list[Item]:
    sample: dict[str, Any] = {
        "tools": [OCR],
        "files": [{"type": "image", "path": "image/image_1.jpg", "url": None}],
        "dialogs": [
            {"role": "user", "content": "What does it say?"},
            {"role": "assistant", "content": "Stop."},
        ],
        "gt_answer": None,
    }
    return load_data(folder, {"3": sample | changes})


def load_data(folder: Path, data: Any) -> list[Item]:
    (folder / "dataset.json").write_text(json.dumps(data))
    return list(TASK.load(Files(NAME, TASK.source, folder)).items)


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}


@pytest.mark.parametrize(
    "answer",
    [
        "Action:" * 14_000,
        "Action:\n" * 12_000,
        'Action:OCR\nAction Input:"' + " " * 99_000 + "x",
        "Action:OCR\nAction Input:" + "\n```" * 24_000,
        "Action:OCR\nAction Input:" + '{"a":' * 19_000,
        "Final Answer:" + "12 " * 33_000,
        "Final Answer:" + "1" * 99_000,
    ],
)
def test_a_long_answer_earns_the_tool_it_names_and_no_arguments(answer: str) -> None:
    calls = [item for item in fixture_items(NAME) if item.record["call"]]

    for item in calls:
        counts = TASK.judge(item, answer, strict=False).counts
        assert counts.get("tool", 0.0) == float(
            "OCR" in answer and item.record["call"]["name"] == "OCR"
        )
        assert counts.get("argument", 0.0) == 0.0


# What an answer to the user is worth.


@pytest.mark.parametrize(
    ("alias", "answer", "found"),
    [
        ("58", "It lasts 58 days.", True),
        ("58", "158 days", False),
        ("58", "58.0", True),
        ("$5", "$5", False),
        ("$5", "US$5", True),
        ("a.c", "abc", False),
        ("STOP", "It says stop.", True),
    ],
)
def test_an_alias_stands_between_word_boundaries(alias: str, answer: str, found: bool) -> None:
    assert has_the_words(answer, {"whitelist": [[alias]], "blacklist": None}) is found


def test_one_alias_of_each_group_must_occur_and_none_of_the_blacklist() -> None:
    wanted = {"whitelist": [["12", "twelve"], ["dollars"]], "blacklist": [["euros"], ["13"]]}

    assert has_the_words("Twelve dollars", wanted)
    assert not has_the_words("Twelve", wanted)
    assert not has_the_words("Twelve dollars, not 13", wanted)
    assert has_the_words("Twelve dollars", wanted | {"blacklist": []})


def test_an_empty_group_is_found_at_any_word() -> None:
    assert has_the_words("12", {"whitelist": [[]], "blacklist": None})
    assert not has_the_words("12", {"whitelist": [["12"]], "blacklist": [[]]})


def test_token_f1_is_that_of_the_likest_reference() -> None:
    assert token_f1("Kites from Asia.", ["kites from asia"]) == 1.0
    assert token_f1("kites", ["a kite", "kites from Asia"]) == 0.5
    assert token_f1("kites kites", ["kites from"]) == 0.5
    assert token_f1("", ["kites"]) == 0.0
    assert token_f1("", [""]) == 0.0
    assert token_f1("kites", []) == 0.0


# How steps are counted.


def test_every_published_step_of_the_fixture_is_right() -> None:
    items = fixture_items(NAME)

    assert all(TASK.judge(i, str(i.answer), strict=False).value == 1.0 for i in items)
    assert scores(published_answers(items)) == {
        "tool": 1.0,
        "instruction": 12 / 11,  # the sample without an answer counts above the line only
        "argument": 1.0,
        "summary_objective": 1.0,
        "summary_token_f1": 1.0,
    }


def test_a_right_tool_needs_no_working_call() -> None:
    found = judged("0/1", "Action: OCR\nAction Input: the image")

    assert (found.value, found.parsed) == (1.0, "OCR")
    assert (found.counts["tool"], found.counts["argument"], found.counts["aligned"]) == (1, 0, 0)


def test_another_tool_that_works_is_aligned_and_wrong() -> None:
    found = judged("0/1", 'Action: Calculator\nAction Input: {"expression": "3"}')

    assert (found.counts["tool"], found.counts["argument"], found.counts["aligned"]) == (0, 0, 1)


def test_right_arguments_of_another_tool_are_wrong(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Read."}, calling("OCR", image="image/image_1.jpg")]
    describe = {**OCR, "name": "ImageDescription"}

    (item,) = load_sample(tmp_path, tools=[OCR, describe], dialogs=turns)

    found = TASK.judge(item, READ.replace("OCR", "ImageDescription"), strict=False)
    assert (found.counts["tool"], found.counts["argument"], found.counts["aligned"]) == (0, 0, 1)


def test_arguments_must_be_equal_as_json() -> None:
    search = "Action: GoogleSearch\nAction Input: "

    same = judged("1/2", search + '{"k": 5.0, "query": "Museum of Kites"}')
    text = judged("1/2", search + '{"k": "5", "query": "Museum of Kites"}')

    assert (same.counts["argument"], same.counts["aligned"]) == (1, 1)
    assert (text.counts["argument"], text.counts["aligned"]) == (0, 1)


def test_a_final_answer_where_a_tool_belongs_is_nothing() -> None:
    assert judged("0/1", "Final Answer: 12").counts == {"calls": 1, "steps": 1}


def test_a_call_where_a_final_answer_belongs_is_nothing() -> None:
    found = judged("0/3", READ)

    assert found.counts == {"steps": 1, "objective.n": 1}
    assert found.value == 0.0


def test_a_final_answer_is_scored_by_its_words() -> None:
    right, wrong = judged("0/3", "Final Answer: 12 dollars"), judged("0/3", "Final Answer: $12")

    assert right.counts == {"aligned": 1, "steps": 1, "objective.score": 1, "objective.n": 1}
    assert wrong.counts == {"aligned": 1, "steps": 1, "objective.score": 0, "objective.n": 1}
    assert (right.value, wrong.value, wrong.parsed) == (1.0, 0.0, "$12")


def test_a_blacklisted_word_spoils_a_final_answer() -> None:
    assert judged("7/3", "Final Answer: the first").value == 1.0
    assert judged("7/3", "Final Answer: the first, not the second").value == 0.0


def test_a_final_answer_with_references_is_scored_by_words_shared_and_never_by_the_whitelist() -> (
    None
):
    found = judged("1/3", "Final Answer: Kites from all over the world.")

    assert found.counts == {"aligned": 1, "steps": 1, "subjective.score": 1, "subjective.n": 1}


def test_a_final_answer_with_nothing_to_compare_counts_above_the_line_only() -> None:
    assert judged("4/3", "Final Answer: done").counts == {"aligned": 1}
    assert judged("4/3", "done").counts == {}


def test_the_divisors_are_those_of_the_published_scorer() -> None:
    only_one = {"0/3": "Final Answer: twelve USD"}

    found = scores(only_one)

    assert found["instruction"] == pytest.approx(1 / 11)  # 8 calls and 3 answers
    assert found["tool"] == 0.0
    assert found["summary_objective"] == pytest.approx(1 / 2)
    assert found["summary_token_f1"] == 0.0


def test_a_conversation_that_ends_with_a_call_still_counts_its_answer(tmp_path: Path) -> None:
    wanted = {"whitelist": [["stop"]], "blacklist": None}
    turns = [{"role": "user", "content": "Read it."}, calling("OCR", image="image/image_1.jpg")]

    items = load_sample(tmp_path, dialogs=turns, gt_answer=wanted)

    counts = TASK.judge(items[0], "", strict=False).counts
    assert (counts["calls"], counts["steps"], counts["objective.n"]) == (1, 2, 1)


def test_of_two_final_answers_the_first_is_scored_and_not_divided_by(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "What does it say?"},
        {"role": "assistant", "content": "Stop."},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Stop."},
    ]
    wanted = {"whitelist": [["stop"]], "blacklist": None}

    items = load_sample(tmp_path, dialogs=turns, gt_answer=wanted)

    assert scores(published_answers(items), items)["summary_objective"] == 2.0


def test_strict_changes_nothing() -> None:
    for item in fixture_items(NAME):
        for answer in (READ, str(item.answer), "Final Answer: 12", ""):
            assert TASK.judge(item, answer, strict=True) == TASK.judge(item, answer, strict=False)


# How a conversation is told.


def test_a_step_is_asked_for_with_the_published_steps_before_it() -> None:
    system, files, *rest = item_of("0/2").messages

    assert system.role == files.role == "system"
    assert files.content == "The related files are at `image/image_900.jpg`"
    assert rest == [
        ("user", "How much do three of these cups cost?"),
        ("assistant", 'Action:OCR\nAction Input:{"image": "image/image_900.jpg"}'),
        ("system", "(10, 12, 80, 40) $4 each"),
    ]


def test_only_the_last_step_is_asked_to_sum_up() -> None:
    asked = {item.id: item.messages[-1] for item in fixture_items(NAME)}

    assert asked["0/3"].role == "user"
    assert "final answer" in asked["0/3"].content
    assert asked["0/2"].role == "system"


def test_the_protocol_names_the_tools_with_their_arguments() -> None:
    told = item_of("1/1").messages[0].content

    assert "one of [OCR, GoogleSearch]" in told
    assert (
        "GoogleSearch: Searches the web.\n"
        "Args: query (text); k (int, how many results. Optional, Defaults to 10)\n"
        "Returns: text" in told
    )
    assert "Args: image (path)" in told


def test_what_a_tool_lacks_is_said(tmp_path: Path) -> None:
    told = load_sample(tmp_path, tools=[{"name": "Wait", "inputs": []}])[0].messages[0].content

    assert "Wait:\nNo argument.\nNo returns." in told


def test_outputs_are_told_by_name_type_and_description(tmp_path: Path) -> None:
    told = load_sample(tmp_path, tools=[SEARCH])[0].messages[0].content

    assert "Returns: found (text, pages); path" in told


def test_a_file_that_a_tool_returned_is_shown_and_may_be_used(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Draw."},
        calling("OCR", image="image/image_1.jpg"),
        {"role": "tool", "name": "OCR", "content": {"type": "image", "content": "image/new.jpg"}},
        {"role": "assistant", "content": "Done."},
    ]

    first, last = load_sample(tmp_path, dialogs=turns)

    assert ("system", "[image](image/new.jpg)") in last.messages
    again = 'Action: OCR\nAction Input: {"image": "image/new.jpg"}'
    assert not TASK.judge(first, again, strict=False).counts["aligned"]
    found = read_step(again, last.record["tools"], last.record["paths"])
    assert isinstance(found, Call)
    assert found.works


def test_a_published_call_on_an_unknown_file_works(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Read."}, calling("OCR", image="image/gone.jpg")]

    (item,) = load_sample(tmp_path, dialogs=turns)

    assert TASK.judge(item, str(item.answer), strict=False).counts["aligned"] == 1.0


def test_a_turn_without_content_is_not_told(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Read."},
        calling("OCR", image="image/image_1.jpg"),
        {"role": "tool", "name": "OCR", "content": None},
        {"role": "assistant", "content": None},
    ]

    _, last = load_sample(tmp_path, dialogs=turns)

    roles = [message.role for message in last.messages]
    assert roles == ["system", "system", "user", "assistant", "user"]
    assert last.answer == "Final Answer: "


def test_without_files_there_is_no_line_about_them(tmp_path: Path) -> None:
    (item,) = load_sample(tmp_path, files=[])

    assert [message.role for message in item.messages] == ["system", "user", "user"]


def test_the_published_step_is_written_with_its_thought() -> None:
    assert item_of("0/1").answer == (
        'Thought: Read the price tag.\nAction:OCR\nAction Input:{"image": "image/image_900.jpg"}'
    )
    assert item_of("0/3").answer == "Final Answer: Three cups cost 12 dollars."


def test_the_steps_of_a_conversation_stay_together(tmp_path: Path) -> None:
    turns = [{"role": "assistant", "content": f"Step {number}."} for number in range(30)]

    items = load_sample(tmp_path, dialogs=turns)

    assert [item.id for item in items] == [f"3/{number}" for number in range(1, 31)]
    assert {item.group for item in items} == {"3"}
    assert len({item.split for item in items}) == 1
    assert all(item.published for item in items)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tools": {}}, "record '3' tools: wanted a list, found dict"),
        ({"tools": [{"name": "OCR"}]}, "record '3' tools 1: wanted 'inputs', found 'name'"),
        (
            {"tools": [{"name": "OCR", "inputs": [{"name": "image"}]}]},
            "record '3' tool OCR 1: wanted 'type', found 'name'",
        ),
        ({"files": [{"type": "image"}]}, "record '3' files 1: wanted 'path', found 'type'"),
        ({"dialogs": [{"content": ""}]}, "record '3' dialogs 1: wanted 'role', found 'content'"),
        (
            {"dialogs": [{"role": "judge"}]},
            "record '3' dialogs 1: wanted the role user, assistant or tool, found 'judge'",
        ),
        (
            {"dialogs": [{"role": "assistant", "tool_calls": []}]},
            "record '3' dialogs 1: wanted a tool call, found none",
        ),
        (
            {"dialogs": [{"role": "assistant", "tool_calls": [{"function": {"name": "OCR"}}]}]},
            "record '3' dialogs 1: wanted 'arguments', found 'name'",
        ),
        (
            {"dialogs": [{"role": "tool", "content": "4"}]},
            "record '3' dialogs 1: wanted an object, found str",
        ),
        ({"gt_answer": "stop"}, "record '3' gt_answer: wanted lists of aliases"),
        ({"gt_answer": {"whitelist": [[]]}}, "record '3' gt_answer: wanted 'blacklist'"),
        (
            {"gt_answer": {"whitelist": [["a", 5]], "blacklist": None}},
            "record '3' gt_answer: wanted lists of aliases",
        ),
    ],
)
def test_a_damaged_conversation_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataFailed, match=message):
        load_sample(tmp_path, **changes)


def test_a_file_that_is_no_object_or_lacks_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFailed, match="wanted a JSON object of conversations, found list"):
        load_data(tmp_path, [])
    with pytest.raises(DataFailed, match="record '0': wanted 'gt_answer', found 'tools', 'files'"):
        load_data(tmp_path, {"0": {"tools": [], "files": [], "dialogs": []}})


def test_the_commonest_of_an_items_tools_is_called() -> None:
    items = fixture_items(NAME)
    said = TASK.baselines["commonest of the tools"]([], items)

    assert set(said[:3]) == {"Action:OCR\nAction Input:{}"}
    assert scores(dict(zip((i.id for i in items), said, strict=True)))["tool"] == 5 / 8


def test_the_published_file_has_the_published_divisors() -> None:
    items = published_items(NAME)
    sums = total([TASK.judge(item, "", strict=False).counts for item in items])

    assert len({item.group for item in items}) == 229
    assert (sums["calls"], sums["objective.n"] + sums["subjective.n"]) == (557, 172)
    assert sums["steps"] == 729


def test_every_published_call_is_read_as_itself() -> None:
    items = [item for item in published_items(NAME) if item.record["call"]]
    found = scores(published_answers(items), items)

    assert (found["tool"], found["argument"]) == (1.0, 1.0)
