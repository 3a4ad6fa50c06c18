import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftbench.exporting import RowType, refuse_sealed, training_rows, write_rows
from ftbench.task import Item, Message, Split
from shared.errors import Rejected
from tests.support.benchmark import fixture_items
from tests.support.toy import FORBIDDEN, TOY, toy_item

SYSTEM = Message("system", "Answer shortly.")
ASKED = Message("user", "Is it so?")
ITEMS = [
    toy_item("t/1", Split.TRAIN),
    toy_item("t/2", Split.TRAIN, answer="不", messages=(SYSTEM, ASKED)),
    toy_item("t/3", Split.TRAIN, answer=None),
    toy_item("d/1", Split.DEV, answer="sealed"),
    toy_item("c/1", Split.CONFIRM, answer="sealed"),
    toy_item("q/1", answer="sealed"),
]
TURNS = (ASKED, Message("assistant", "Perhaps."), Message("user", "Is it?"))


def loaded(rows: list[dict[str, Any]], folder: Path) -> Any:
    """Return rows as a trainer gets them, by way of a file."""
    import datasets

    write_rows(rows, folder / "train.jsonl")
    return datasets.Dataset.from_json(
        str(folder / "train.jsonl"), cache_dir=str(folder / "cache"), keep_in_memory=True
    )


@pytest.mark.parametrize("split", [Split.DEV, Split.CONFIRM, Split.TEST])
def test_a_sealed_split_never_leaves(split: Split) -> None:
    with pytest.raises(Rejected) as refused:
        refuse_sealed(TOY, split)

    assert str(refused.value) == (
        f"wanted a split to train on, found {split.value}, which is sealed: whoever has seen it "
        "can not be measured with it any more; use --split train"
    )


def test_train_may_leave() -> None:
    refuse_sealed(TOY, Split.TRAIN)


def test_what_the_authors_forbid_to_train_on_never_leaves() -> None:
    told = (
        "toy: wanted data to train on, found that their authors forbid it (no training, "
        "https://toy.example); train on other data of that kind"
    )

    for leaves in (
        lambda: refuse_sealed(FORBIDDEN, Split.TRAIN),
        lambda: training_rows(FORBIDDEN, ITEMS, RowType.MESSAGES),
    ):
        with pytest.raises(Rejected) as refused:
            leaves()
        assert str(refused.value) == told


@pytest.mark.parametrize("items", [[], ITEMS[2:]])
def test_a_task_without_training_split_has_nothing_to_export(items: list[Item]) -> None:
    with pytest.raises(Rejected) as refused:
        training_rows(TOY, items, RowType.MESSAGES)

    assert str(refused.value) == (
        "toy: wanted a training split, found none; train on other data of that kind, which "
        "`ftbench search` takes with --train"
    )


@pytest.mark.parametrize("kind", list(RowType))
def test_only_train_items_with_an_answer_are_written(kind: RowType) -> None:
    rows = training_rows(TOY, ITEMS, kind)

    assert len(rows) == 2
    assert "sealed" not in json.dumps(rows)


def test_all_of_a_real_task_that_leaves_are_its_train_items() -> None:
    items = fixture_items("sst2")

    rows = training_rows(TOY, items, RowType.TEXT)

    assert {(row["prompt"], row["completion"]) for row in rows} == {
        (item.messages[0].content, item.answer) for item in items if item.split is Split.TRAIN
    }
    assert 5 < len(rows) < len(items)


def test_messages_end_with_the_answer() -> None:
    assert training_rows(TOY, ITEMS, RowType.MESSAGES) == [
        {
            "messages": [
                {"role": "user", "content": "Is it so?"},
                {"role": "assistant", "content": "yes"},
            ]
        },
        {
            "messages": [
                {"role": "system", "content": "Answer shortly."},
                {"role": "user", "content": "Is it so?"},
                {"role": "assistant", "content": "不"},
            ]
        },
    ]


def test_prompt_and_completion_are_conversations_of_their_own() -> None:
    assert training_rows(TOY, ITEMS[:1], RowType.PROMPT_COMPLETION) == [
        {
            "prompt": [{"role": "user", "content": "Is it so?"}],
            "completion": [{"role": "assistant", "content": "yes"}],
        }
    ]


def test_text_has_a_system_column_where_there_is_a_system_prompt() -> None:
    assert training_rows(TOY, ITEMS, RowType.TEXT) == [
        {"prompt": "Is it so?", "completion": "yes"},
        {"system": "Answer shortly.", "prompt": "Is it so?", "completion": "不"},
    ]


def test_several_turns_have_no_text() -> None:
    items = [toy_item("t/1", Split.TRAIN, messages=TURNS)]

    with pytest.raises(Rejected) as refused:
        training_rows(TOY, items, RowType.TEXT)

    assert str(refused.value) == (
        "wanted conversations of one question each, found t/1 with 3 turns; export it as messages"
    )


def test_several_turns_can_be_had_as_messages() -> None:
    items = [toy_item("t/1", Split.TRAIN, messages=TURNS)]

    [row] = training_rows(TOY, items, RowType.MESSAGES)
    [pair] = training_rows(TOY, items, RowType.PROMPT_COMPLETION)

    assert [turn["content"] for turn in row["messages"]] == [
        "Is it so?",
        "Perhaps.",
        "Is it?",
        "yes",
    ]
    assert [turn["role"] for turn in pair["prompt"]] == ["user", "assistant", "user"]


def test_trainers_read_messages_as_lists_of_role_and_content(tmp_path: Path) -> None:
    rows = training_rows(TOY, ITEMS, RowType.MESSAGES)

    read = loaded(rows, tmp_path)

    assert read.column_names == ["messages"]
    assert read[:]["messages"] == [row["messages"] for row in rows]
    assert set(read.features["messages"].feature) == {"role", "content"}


def test_trainers_read_prompt_and_completion_as_conversations(tmp_path: Path) -> None:
    rows = training_rows(TOY, ITEMS, RowType.PROMPT_COMPLETION)

    read = loaded(rows, tmp_path)

    assert read.column_names == ["prompt", "completion"]
    assert read.to_list() == rows


def test_trainers_read_text_as_strings(tmp_path: Path) -> None:
    rows = training_rows(TOY, fixture_items("sst2"), RowType.TEXT)

    read = loaded(rows, tmp_path)

    assert {name: column.dtype for name, column in read.features.items()} == {
        "prompt": "string",
        "completion": "string",
    }
    assert read.to_list() == rows


def test_rows_are_written_one_a_line_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("what was there before, and longer than what comes\n" * 9)

    write_rows([{"text": "不\nyes"}, {"text": "no"}], path)

    assert path.read_text(encoding="utf-8") == '{"text": "不\\nyes"}\n{"text": "no"}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_half_a_character_is_written_as_json_escapes_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    write_rows([{"parsed": "不\ud83d"}], path)

    assert path.read_bytes().decode() == '{"parsed": "不\\ud83d"}\n'
    assert json.loads(path.read_text()) == {"parsed": "不\ud83d"}


def test_a_file_is_not_touched_when_its_successor_fails(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("before")

    with pytest.raises(TypeError, match="not JSON serializable"):
        write_rows([{"text": "yes"}, {"text": object()}], path)

    assert path.read_text() == "before"


def test_a_split_is_refused_before_a_licence() -> None:
    with pytest.raises(Rejected, match="found test, which is sealed"):
        refuse_sealed(replace(FORBIDDEN, name="other"), Split.TEST)
