import gzip
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from shared.contracts.mapping import Templates
from shared.errors import DataFailed
from shared.rows import Row, Sample, read_rows, read_samples, sha256_of, to_sample

MAPPING = Templates(prompt="Q: {q}", completion="{a}", system="Be {brief}.")
ENDINGS = ".jsonl, .json, .csv, .tsv (with .gz or without) or .parquet"
TWO_ROWS = [{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}]


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def columns(path: Path) -> list[dict[str, Any]]:
    return [row.columns for row in read_rows(path)]


def refusal(path: Path) -> str:
    with pytest.raises(DataFailed) as refused:
        list(read_samples(path, MAPPING))
    return str(refused.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.jsonl", b'{"q": "1+1", "a": "2"}\n{"q": "2+2", "a": "4"}'),
        ("x.JSONL", b'\n{"q": "1+1", "a": "2"}\r\n  \r\n{"q": "2+2", "a": "4"}\r\n'),
        ("x.csv", b'q,a\n1+1,2\n\n"2+2",4\n'),
        ("x.csv", b"q,a\r\n1+1,2\r\n2+2,4\r\n  \r\n"),
        ("x.tsv", b"q\ta\n1+1\t2\n\n2+2\t4\n"),
        ("x.tsv", b"q\ta\r\n1+1\t2\r\n2+2\t4\r\n"),
        ("x.jsonl", b'\xef\xbb\xbf{"q": "1+1", "a": "2"}\n{"q": "2+2", "a": "4"}'),
        ("x.csv", b"\xef\xbb\xbfq,a\n1+1,2\n2+2,4\n"),
        ("x.csv", b'\xef\xbb\xbf"q",a\n1+1,2\n2+2,4\n'),
        ("x.json", b'\xef\xbb\xbf[{"q": "1+1", "a": "2"},\r\n {"q": "2+2", "a": "4"}]'),
        ("x.json", b'{"version": 1, "data": [{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}]}'),
        ("x.jsonl.gz", gzip.compress(b'{"q": "1+1", "a": "2"}\n{"q": "2+2", "a": "4"}', mtime=0)),
        ("x.CSV.GZ", gzip.compress(b"\xef\xbb\xbfq,a\r\n1+1,2\r\n2+2,4\r\n", mtime=0)),
        ("x.tsv.gz", gzip.compress(b"q\ta\n1+1\t2\n2+2\t4\n", mtime=0)),
        ("x.json.gz", gzip.compress(b'[{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}]', mtime=0)),
    ],
)
def test_rows_are_read_whatever_the_format_line_ends_and_byte_order_mark(
    tmp_path: Path, name: str, data: bytes
) -> None:
    assert columns(written(tmp_path, name, data)) == TWO_ROWS


def test_a_row_of_json_is_numbered_by_its_place_in_the_array(tmp_path: Path) -> None:
    path = written(tmp_path, "x.json", b'[{"q": "1+1", "a": "2"},\n\n{"q": "2+2"}]')

    assert refusal(path).startswith(" row 2: wanted a column 'a'")


def test_parquet_rows_are_numbered_across_batches(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pyarrow.Table.from_pylist(TWO_ROWS)
    parquet.write_table(table, path, row_group_size=1)

    assert list(read_rows(path)) == [Row(1, TWO_ROWS[0]), Row(2, TWO_ROWS[1])]


def test_a_row_is_numbered_by_the_line_it_begins_on(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", b'q,a\n\n"two\nlines",2\n3,4\n')

    assert list(read_rows(path)) == [
        Row(3, {"q": "two\nlines", "a": "2"}),
        Row(5, {"q": "3", "a": "4"}),
    ]


def test_quotes_in_tsv_are_text(tmp_path: Path) -> None:
    path = written(tmp_path, "x.tsv", b'q\ta\n"Stop!\the said "no"\n')

    assert columns(path) == [{"q": '"Stop!', "a": 'he said "no"'}]


def test_a_long_document_in_tsv_is_a_row_like_any_other(tmp_path: Path) -> None:
    path = written(tmp_path, "x.tsv", b"q\ta\n" + b"x" * 200_000 + b"\t2\n")

    assert len(columns(path)[0]["q"]) == 200_000


def test_characters_that_look_like_line_ends_stay_inside_their_row(tmp_path: Path) -> None:
    path = written(tmp_path, "x.jsonl", '{"q": "a\u2028b\x85c", "a": "2"}\n'.encode())

    assert columns(path) == [{"q": "a\u2028b\x85c", "a": "2"}]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"q": "1+1", "a": 2', 'found \'{"q": "1+1", "a": 2\' (Expecting \',\' delimiter'),
        (b"[1, 2]", "wanted a JSON object, found list"),
        (b'{"q": ' + b"1" * 5000 + b"}", "wanted one JSON object a line"),
        (b"[" * 100_000, "wanted one JSON object a line"),
        (b'{"q": "caf\xe9"}', "wanted UTF-8, found byte 0xe9"),
        (b'{"a": "2"}', "wanted a column 'q', found 'a';"),
        (b'{"q": null, "a": "2"}', "wanted a column 'q', found 'q', 'a' with no value there"),
        (b'{"q": NaN, "a": "2"}', "wanted a column 'q', found 'q', 'a' with no value there"),
        (b'{"q": "1+1", "a": " "}', "wanted a completion, found only white space"),
        (b'{"q": "\\ud83d", "a": "2"}', "found the half character U+D83D"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_number(
    tmp_path: Path, line: bytes, found: str
) -> None:
    good = b'{"q": "1+1", "a": "2"}\n'

    refused = refusal(written(tmp_path, "x.jsonl", good * 3 + line + b"\n" + good))

    assert refused.startswith(" line 4: ")
    assert found in refused


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("x.csv", b"q,a\n1,2\n3\n", " line 3: wanted 2 fields as in the header, found 1"),
        ("x.csv", b'q,a\n1,2\n3,"4\n5,6\n', " line 3: wanted a row of CSV, found unexpected end"),
        ("x.csv", b"q,a\n" + b"x" * 200_000 + b",2", " line 2: wanted a row of CSV, found field"),
        ("x.csv", b"q,q\n1,2\n", " line 1: wanted distinct column names, found 'q' 2 times"),
        ("x.tsv", b"q\ta\n1\t2\t3\n", " line 2: wanted 2 fields as in the header, found 3"),
        ("x.parquet", b"no parquet", ": wanted a whole Parquet file"),
        ("x.xml", b"<q/>", f": wanted a file ending in {ENDINGS}, found .xml"),
        ("x", b"{}", f": wanted a file ending in {ENDINGS}, found no ending"),
        ("x.jsonl", b"\n\n", ": wanted at least one row, found none"),
        ("x.csv", b"q,a\n", ": wanted at least one row, found none"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, name: str, data: bytes, found: str
) -> None:
    assert refusal(written(tmp_path, name, data)).startswith(found)


def test_a_damaged_page_of_parquet_is_a_data_failure(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"q": ["1+1"], "a": ["2"]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 20 + whole[24:])

    assert refusal(path).startswith(": wanted a whole Parquet file, found a damaged one")


def test_a_file_that_is_not_there_is_said_by_path(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x.jsonl") == ": wanted a data file, found none; check the path"
    with pytest.raises(DataFailed, match="check the path"):
        sha256_of(tmp_path / "x.jsonl")


def test_templates_are_filled_and_the_system_message_is_literal() -> None:
    row = Row(1, {"q": "{a}", "a": 2, "other": None})

    sample = to_sample(row, MAPPING, Path("x.jsonl"))

    assert sample == Sample("Q: {a}", "2", "Be {brief}.")
    assert sample.messages() == [
        {"role": "system", "content": "Be {brief}."},
        {"role": "user", "content": "Q: {a}"},
    ]


def test_columns_may_be_numbers_and_doubled_braces_are_braces() -> None:
    mapping = Templates(prompt="{{{0}}} {first name}", completion="{1}")

    sample = to_sample(Row(1, {"0": "x", "1": "y", "first name": "z"}), mapping, Path("x.csv"))

    assert sample == Sample("{x} z", "y")


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "x.jsonl", b"abc")

    assert sha256_of(path).startswith("ba7816bf8f01cfea414140de5dae2223")
