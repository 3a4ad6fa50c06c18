import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.job import JobData
from shared.contracts.mapping import (
    SHAPES,
    Judged,
    Mapping,
    Messages,
    Preference,
    Prompts,
    Templates,
    fields_of,
)
from shared.errors import DataFailed
from shared.rows import Row, Sample, read_exam, to_sample, to_samples
from shared.shapes import LOOK_ROWS, detect
from shared.turns import Turn

PATH = Path("x.jsonl")
MAPPING: TypeAdapter[Mapping] = TypeAdapter(Mapping)


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def system(content: str) -> dict[str, str]:
    return {"role": "system", "content": content}


TALK = [system("Be kind."), user("Hi"), assistant("Hello"), user("1+1?"), assistant("2")]
SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]


def samples(mapping: Mapping, **columns: Any) -> list[Sample]:
    return to_samples(Row(1, columns), mapping, PATH)


def test_every_answer_of_a_conversation_is_a_sample_with_what_was_said_before() -> None:
    found = samples(Messages(column="messages", system="Be brief."), messages=TALK)

    assert found == [
        Sample("Hi", "Hello", "Be kind."),
        Sample("1+1?", "2", "Be kind.", (Turn("user", "Hi"), Turn("assistant", "Hello"))),
    ]
    assert found[1].messages() == TALK[:-1]


def test_the_last_answer_is_what_is_asked_for_in_an_exam() -> None:
    mapping = Messages(column="messages")

    sample = to_sample(Row(1, {"messages": [*TALK, user("Thanks")]}), mapping, PATH)

    assert (sample.prompt, sample.completion, len(sample.history)) == ("1+1?", "2", 2)


def test_sharegpt_says_the_same_in_other_words() -> None:
    mapping = Messages(column="conversations", system="Be brief.")

    assert samples(mapping, conversations=SHAREGPT) == [Sample("Hi", "Hello", "Be brief.")]


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        (
            Preference(prompt="Q: {q}", chosen="{good}", rejected="{bad}"),
            {"q": "1+1?", "good": "2", "bad": "3"},
        ),
        (
            Preference(prompt="{q}", chosen="{good}", rejected="{bad}"),
            {"q": [user("Q: 1+1?")], "good": [assistant("2")], "bad": [assistant("3")]},
        ),
        (
            Preference(chosen="{good}", rejected="{bad}"),
            {
                "good": [user("Q: 1+1?"), assistant("2")],
                "bad": [user("Q: 1+1?"), assistant("3")],
            },
        ),
    ],
    ids=["text", "messages", "whole conversations"],
)
def test_a_preference_is_the_same_however_it_is_written(
    mapping: Mapping, columns: dict[str, Any]
) -> None:
    assert samples(mapping, **columns) == [Sample("Q: 1+1?", "2", rejected="3")]


def test_the_prompt_of_a_preference_keeps_its_history() -> None:
    mapping = Preference(prompt="{prompt}", chosen="{chosen}", rejected="{rejected}")

    (found,) = samples(mapping, prompt=TALK[:-1], chosen="2", rejected="3")

    assert found.messages() == TALK[:-1]


@pytest.mark.parametrize(
    ("label", "good"), [(True, True), (False, False), ("True", True), ("false", False)]
)
def test_a_judged_answer_carries_its_verdict(label: Any, good: bool) -> None:
    mapping = Judged(prompt="{prompt}", completion="{completion}", label="label")

    (found,) = samples(mapping, prompt="1+1?", completion="2", label=label)

    assert found == Sample("1+1?", "2", good=good)


def test_a_prompt_alone_has_no_answer_unless_there_is_a_reference() -> None:
    columns = {"prompt": "1+1?", "solution": "2"}

    assert samples(Prompts(prompt="{prompt}"), **columns) == [Sample("1+1?", "")]
    known = Prompts(prompt="{prompt}", reference="{solution}")
    assert samples(known, **columns) == [Sample("1+1?", "2")]


@pytest.mark.parametrize(
    ("columns", "mapping"),
    [
        ({"id": 1, "messages": TALK}, Messages(column="messages")),
        ({"conversations": SHAREGPT}, Messages(column="conversations")),
        ({"prompt": "Hi", "messages": TALK}, Messages(column="messages")),
        (
            {"instruction": "add", "input": "1 1", "output": "2"},
            Templates(prompt="{instruction}\n\n{input}", completion="{output}"),
        ),
        (
            {"question": "why?", "context": "so", "answer": "so"},
            Templates(prompt="{question}\n\n{context}", completion="{answer}"),
        ),
        (
            {"instruction": "a", "output": "b"},
            Templates(prompt="{instruction}", completion="{output}"),
        ),
        (
            {"prompt": "a", "completion": "b"},
            Templates(prompt="{prompt}", completion="{completion}"),
        ),
        (
            {"ID": 1, " Query": "a", "Response": "b"},
            Templates(prompt="{ Query}", completion="{Response}"),
        ),
        ({"text": "a", "label": True}, Templates(prompt="{text}", completion="{label}")),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c"},
            Preference(prompt="{prompt}", chosen="{chosen}", rejected="{rejected}"),
        ),
        (
            {"prompt": "Hi", "chosen": TALK, "rejected": TALK, "messages": TALK},
            Preference(chosen="{chosen}", rejected="{rejected}"),
        ),
        (
            {"prompt": [user("a")], "chosen": [assistant("b")], "rejected": [assistant("c")]},
            Preference(prompt="{prompt}", chosen="{chosen}", rejected="{rejected}"),
        ),
        (
            {"prompt": "a", "completion": "b", "label": False},
            Judged(prompt="{prompt}", completion="{completion}", label="label"),
        ),
        ({"prompt": "a"}, Prompts(prompt="{prompt}")),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.kind,
)
def test_the_usual_shapes_are_told_from_their_columns(
    columns: dict[str, Any], mapping: Mapping
) -> None:
    assert detect([Row(1, columns)], PATH) == mapping
    assert to_samples(Row(1, columns), mapping, PATH)


@pytest.mark.parametrize(
    "columns",
    [
        {"text": "a", "question": "b", "answer": "c"},
        {"prompt": "a", "answer": "b", "solution": "c"},
        {"prompt": "a", "antwort": "b"},
        {"chosen": "a", "rejected": "b"},
        {"messages": "Hi"},
        {"prompt": "a", "completion": "b", "label": "good"},
        {"text": "a"},
        {},
    ],
    ids="+".join,
)
def test_columns_that_leave_a_doubt_are_listed_instead_of_guessed(columns: dict[str, Any]) -> None:
    with pytest.raises(DataFailed) as refused:
        detect([Row(1, columns)], PATH)

    assert f"found {', '.join(columns) or 'no columns'}; write data.mapping" in str(refused.value)


def test_a_column_counts_only_where_every_row_has_it() -> None:
    rows = [Row(1, {"prompt": "a", "completion": "b"}), Row(2, {"prompt": "a", "text": "b"})]

    with pytest.raises(DataFailed, match="found prompt, completion; write data"):
        detect(rows, PATH)


def test_a_shape_is_told_from_the_first_rows_alone() -> None:
    rows = (Row(n, {"prompt": "a"} if n <= LOOK_ROWS else {"text": "b"}) for n in range(1, 10**9))

    assert detect(rows, PATH) == Prompts(prompt="{prompt}")


def test_a_file_without_rows_has_no_shape() -> None:
    with pytest.raises(DataFailed, match="wanted rows, found none"):
        detect([], PATH)


def test_a_mapping_without_a_kind_is_of_templates() -> None:
    written = {"prompt": "{q}", "completion": "{a}"}

    assert MAPPING.validate_python(written) == Templates(prompt="{q}", completion="{a}")


@pytest.mark.parametrize(
    "mapping",
    [
        Templates(prompt="{q}", completion="{a}", system="Be brief."),
        Messages(column="messages"),
        Preference(chosen="{a}", rejected="{b}"),
        Judged(prompt="{q}", completion="{a}", label="ok"),
        Prompts(prompt="{q}"),
    ],
    ids=list(SHAPES),
)
def test_what_a_person_would_write_means_the_same_mapping(mapping: Mapping) -> None:
    assert MAPPING.validate_python(fields_of(mapping)) == mapping
    assert MAPPING.validate_json(mapping.model_dump_json()) == mapping
    assert type(mapping) is SHAPES[mapping.kind]
    assert None not in fields_of(mapping).values()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"kind": "chat", "column": "m"},
            "must be of kind templates, messages",
        ),
        ({"prompt": "{q}"}, "completion\n  Field required"),
        ({"kind": "preference", "chosen": "a", "rejected": "{b}"}, "name at least one column"),
        ({"kind": "prompts", "prompt": "{q"}, "expected '}'"),
        ("messages", "valid dictionary"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(written: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MAPPING.validate_python(written)


def test_a_job_must_say_how_its_rows_are_read() -> None:
    with pytest.raises(ValidationError, match=r"mapping\n  Field required"):
        JobData.model_validate({"train": "train.jsonl", "dev": "dev.jsonl"})


@pytest.mark.parametrize(
    ("mapping", "second", "found"),
    [
        (
            Judged(prompt="{q}", completion="{a}", label="ok"),
            {"q": "1+1?", "a": "3", "ok": False},
            "found one judged bad",
        ),
        (Prompts(prompt="{q}"), {"q": "1+1?"}, "found none"),
    ],
    ids=["judged bad", "none"],
)
def test_only_right_answers_are_scored_against(
    tmp_path: Path, mapping: Mapping, second: dict[str, Any], found: str
) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps(second) + "\n")

    with pytest.raises(DataFailed, match=rf"line 1: wanted a right answer .* {found}"):
        list(read_exam(path, mapping))
