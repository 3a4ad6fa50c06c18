"""Data as people have it: each file is read, or refused in a sentence that says where and why."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from services.executor.pipeline import Materialised, materialise, read_materialised
from shared.contracts.mapping import Mapping, Messages, Preference, Templates
from shared.contracts.operators import Filter, Load, Map
from shared.contracts.run import Dropped, RowCount
from shared.errors import DataFailed
from shared.rows import sha256_of

PAIR = Templates(prompt="{q}", completion="{a}")
TALK = Messages(column="messages")
GOOD = b'{"q": "1+1", "a": "2"}\n'
PACKED = gzip.compress(GOOD, mtime=0)
ARRAY = b'[{"q": "1+1", "a": "2"}]'


def prepared(path: Path, mapping: Mapping, *more: Filter) -> Materialised:
    load = Load(path=str(path), sha256=sha256_of(path))
    return materialise([load, Map(mapping=mapping), *more], path.parent / "cache")


def refusal(path: Path, mapping: Mapping) -> str:
    with pytest.raises(DataFailed) as failed:
        prepared(path, mapping)
    assert list((path.parent / "cache").glob("[!.]*")) == []
    return str(failed.value).removeprefix(str(path.parent / ""))[1:]


def parquet_bytes(table: pyarrow.Table) -> bytes:
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def said(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def one(role: Any, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


ASKED, ANSWERED = one("user", "Hi"), one("assistant", "Hello")


@pytest.mark.parametrize(
    ("name", "data", "samples"),
    [
        ("one-row.jsonl", GOOD, 1),
        ("mark.jsonl", b"\xef\xbb\xbf" + GOOD * 2, 2),
        ("crlf.csv", b"q,a\r\n1+1,2\r\n\r\n2+2,4\r\n", 2),
        ("packed.jsonl.gz", gzip.compress(GOOD * 3, mtime=0), 3),
        ("array.json", ARRAY, 1),
        ("other-columns.jsonl", GOOD + b'{"a": "4", "q": "2+2", "more": [1]}\n', 2),
        ("number.jsonl", b'{"q": 7, "a": true}\n', 1),
    ],
)
def test_a_file_that_is_only_odd_is_read_whole(
    tmp_path: Path, name: str, data: bytes, samples: int
) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    made = prepared(path, PAIR)

    assert len(list(read_materialised(made.train))) == samples
    assert made.rows[-1] == RowCount(operator="map", rows_in=samples, rows_out=samples)


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("x.jsonl", parquet_bytes(pyarrow.table({"q": ["1"]})), ": wanted JSONL .* found Parquet;"),
        ("x.jsonl", PACKED, ": wanted JSONL text, as its ending says, found gzip;"),
        ("x.csv", b"PK\x03\x04....", ": wanted CSV text, .* found a zip archive or a workbook;"),
        ("x.jsonl", b"\n" + ARRAY, ": wanted one JSON object a line, .* array; .* ending .json"),
        ("x.json", GOOD * 2, r": wanted one JSON array .*Extra data.* the ending \.jsonl"),
        (
            "x.json",
            b'{"q": [1], "a": [2]}',
            ": wanted an array of objects, or an object with one .* found 2 arrays in it;",
        ),
        ("x.json", b'"Hi"', ": wanted an array of objects, found str;"),
        ("x.json", b'[{"q": "1", "a": "2"}, 2]', " row 2: wanted a JSON object, found int;"),
        ("x.json", b'[{"q": "\xff"}]', ": wanted one JSON array .*can't decode byte 0xff"),
        ("x.jsonl.gz", GOOD, ": wanted a whole gzip file, as its ending says, found a damaged"),
        ("x.jsonl.gz", gzip.compress(GOOD * 99, mtime=0)[:-9], ": wanted a whole gzip file"),
        ("x.parquet", GOOD, ": wanted a whole Parquet file, found a damaged one or none"),
        (
            "x.parquet",
            parquet_bytes(pyarrow.table([["1"], ["2"]], names=["q", "q"])),
            ": wanted distinct column names, found 'q' 2 times; rename them",
        ),
        ("x.jsonl", b'{"q": "1", "q": "2"}', " line 1: .*'q' stands 2 times in one object"),
        ("x.csv", b"q,a,q\r\n1,2,3\r\n", " line 1: wanted distinct column names, found 'q' 2"),
        ("x.jsonl", GOOD + b'{"q": "1"}', " line 2: wanted a column 'a', found 'q';"),
        ("x.jsonl", b'{"q": ["1"], "a": "2"}', " line 1 message 1: wanted role and content"),
        ("x.jsonl", b'{"q": {"x": 1}, "a": "2"}', " line 1: wanted text or a number in column 'q'"),
        ("x.jsonl", b"", ": wanted at least one row, found none; give a file with rows"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_place_and_reason(
    tmp_path: Path, name: str, data: bytes, found: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    assert re.match(re.escape(name) + found, refusal(path, PAIR))


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (said(), "wanted a list of messages, found an empty list;"),
        ({"messages": "Hi"}, "wanted a list of messages, found str;"),
        (said([ASKED, ANSWERED]), "message 1: wanted role and content, .* found list;"),
        (said({"content": "Hi"}), "message 1: wanted role and content, .* found 'content';"),
        (said(ASKED, one("tool", "2")), "message 2: wanted one of the roles .* found 'tool';"),
        (said(ASKED, one(None, "2")), "message 2: wanted one of the roles .* found None;"),
        (said(ANSWERED), "message 1: wanted a message of the user first, found .* assistant;"),
        (said(ASKED, ASKED), "message 2: wanted a message of the assistant after user, found"),
        (said(ASKED, one("system", "")), "message 2: wanted .* found one of the system;"),
        (said(ASKED, one("assistant", " \n")), "message 2: wanted an answer .* only white space;"),
        (said(one("system", "Be kind.")), "wanted an answer .* found only messages of system;"),
        (said(ASKED), "wanted an answer of the assistant, found only messages of user;"),
        (said(ASKED, one("assistant", 5)), "message 2: wanted text, found int;"),
        (said(ASKED, one("assistant", None)), "message 2: wanted text, found nothing;"),
        (
            said(one("user", [{"type": "image_url", "image_url": {}}]), ANSWERED),
            "message 1: wanted parts of text, found one of type 'image_url', which cannot be",
        ),
        (said(ASKED, one("assistant", "\ud83d")), "wanted text, found the half character"),
        ({"conversation": []}, "wanted a column 'messages', found 'conversation';"),
    ],
)
def test_a_conversation_that_is_wrong_is_refused_with_place_and_reason(
    tmp_path: Path, row: dict[str, Any], found: str
) -> None:
    path = tmp_path / "x.jsonl"
    good = json.dumps(said(ASKED, ANSWERED))
    path.write_text(f"{good}\n{json.dumps(row)}\n")

    assert re.match(rf"x\.jsonl line 2:? {found}", refusal(path, TALK))


def test_parts_of_text_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]
    path.write_text(json.dumps(said(one("user", parts), ANSWERED)) + "\n")

    (sample,) = read_materialised(prepared(path, TALK).train)

    assert sample.prompt == "Hi there"


def test_rows_of_both_ways_to_write_messages_may_stand_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    sharegpt = said({"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"})
    openai = said(one("developer", "Be kind."), ASKED, ANSWERED, ASKED, ANSWERED, ASKED)
    path.write_text("".join(json.dumps(row) + "\n" for row in (sharegpt, openai)))

    made = prepared(path, TALK)

    assert [(row.operator, row.rows_in, row.rows_out) for row in made.rows] == [
        ("load", 2, 2),
        ("map", 2, 3),
    ]


@pytest.mark.parametrize(
    ("chosen", "rejected", "found"),
    [
        ([ASKED, ANSWERED], [one("user", "Bye"), ANSWERED], "wanted two conversations that differ"),
        ([ASKED, ANSWERED], "Hello", "wanted a list of messages, found str;"),
        ([ASKED], [ASKED], "wanted an answer of the assistant, found only messages of user;"),
    ],
)
def test_conversations_that_cannot_be_compared_are_refused(
    tmp_path: Path, chosen: Any, rejected: Any, found: str
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"chosen": chosen, "rejected": rejected}) + "\n")

    refused = refusal(path, Preference(chosen="{chosen}", rejected="{rejected}"))

    assert refused.startswith(f"x.jsonl line 1: {found}")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([ASKED], "wanted messages that end with one of the assistant, found one of the user;"),
        ([], "last message: wanted role and content, or from and value, found NoneType;"),
        ([one("assistant", "")], "last message: wanted an answer of the assistant, found only"),
        (" ", "wanted a completion, found only white space;"),
    ],
)
def test_an_answer_that_is_none_is_refused(tmp_path: Path, answer: Any, found: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"q": "Hi", "a": answer}) + "\n")

    assert re.match(rf"x\.jsonl line 1:? {found}", refusal(path, PAIR))


def test_a_prompt_of_messages_must_end_with_the_user(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"q": [ASKED, ANSWERED], "a": "2"}) + "\n")

    assert "line 1: wanted a prompt that ends with a message of the user" in refusal(path, PAIR)


def test_a_row_of_two_hundred_thousand_words_is_a_sample_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row = {"q": "word " * 200_000, "a": "2"}
    path.write_bytes(GOOD + json.dumps(row).encode())

    made = prepared(path, PAIR, Filter(max_prompt_chars=10_000, max_completion_chars=10))

    assert len(list(read_materialised(prepared(path, PAIR).train))[1].prompt) == 1_000_000
    long = Dropped(why="prompt too long", samples=1)
    assert made.rows[-1] == RowCount(operator="filter", rows_in=2, rows_out=1, dropped=(long,))


def test_a_filter_that_drops_every_row_is_named_with_the_count(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOOD * 7)

    with pytest.raises(DataFailed, match=r"3 of 3, filter: wanted .* left of the 7 that arrived"):
        prepared(path, PAIR, Filter(max_prompt_chars=1, max_completion_chars=1))
