import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from shared.contracts.mapping import Templates
from shared.data_files import files_of
from shared.errors import DataFailed
from shared.rows import read_rows, read_samples, sha256_of, sha256_of_files


def write(path: Path, *numbers: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"n": number}) + "\n" for number in numbers))
    return path


def names(path: Path) -> list[str]:
    return list(files_of(path))


def test_a_plain_path_means_itself_whether_it_is_there_or_not(tmp_path: Path) -> None:
    assert files_of(tmp_path / "x.jsonl") == {"x.jsonl": tmp_path / "x.jsonl"}


def test_a_pattern_means_its_files_by_name_and_no_folder_or_hidden_file(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "a.csv", ".c.jsonl", "d.jsonl/inner.jsonl"):
        write(tmp_path / name, 1)

    assert names(tmp_path / "*.jsonl") == ["a.jsonl", "b.jsonl"]
    assert names(tmp_path / "a.*") == ["a.csv", "a.jsonl"]
    assert names(tmp_path / "[bx].jsonl") == ["b.jsonl"]
    assert names(tmp_path / "**" / "*.jsonl") == ["a.jsonl", "b.jsonl", "d.jsonl/inner.jsonl"]


def test_what_lies_at_a_path_is_meant_even_if_it_looks_like_a_pattern(tmp_path: Path) -> None:
    odd = write(tmp_path / "[old]" / "x[1].jsonl", 1)
    write(tmp_path / "[old]" / "x1.jsonl", 2)

    assert files_of(odd) == {"x[1].jsonl": odd}
    assert names(tmp_path / "[old]" / "x*.jsonl") == ["x1.jsonl", "x[1].jsonl"]


def test_a_pattern_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "data" / "x.jsonl", 1)
    monkeypatch.chdir(tmp_path)

    assert files_of(Path("data/*.jsonl")) == {"x.jsonl": Path("data/x.jsonl")}
    assert files_of(Path("*/x.jsonl")) == {"data/x.jsonl": Path("data/x.jsonl")}


def test_a_pattern_that_nothing_fits_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataFailed) as failed:
        next(read_rows(tmp_path / "*.jsonl"))

    assert str(failed.value) == (
        f"{tmp_path}/*.jsonl: wanted data files that fit this pattern, found none in {tmp_path}; "
        "correct it"
    )


def test_files_of_several_formats_are_read_one_after_another(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", 2, 3)
    (tmp_path / "c.csv").write_text("n\n4\n")
    with gzip.open(tmp_path / "d.json.gz", "wt") as file:
        json.dump([{"n": 5}], file)
    parquet.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")

    rows = list(read_rows(tmp_path / "*"))

    assert [int(row.columns["n"]) for row in rows] == [1, 2, 3, 4, 5]


def test_every_sample_names_the_file_it_really_came_from(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1.jsonl", 7), write(tmp_path / "2.jsonl", 8, 9)

    samples = read_samples(tmp_path / "?.jsonl", Templates(prompt="{n}", completion="{n}"))

    assert [(one.prompt, one.source, one.row) for one in samples] == [
        ("7", str(first), 1),
        ("8", str(second), 1),
        ("9", str(second), 2),
    ]


def test_a_bad_row_of_several_files_is_named_by_its_own_file(tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", 7)
    (tmp_path / "2.jsonl").write_text('{"m": 1}\n')

    with pytest.raises(DataFailed, match=r"2\.jsonl line 1: wanted a column 'n'"):
        list(read_samples(tmp_path / "?.jsonl", Templates(prompt="{n}", completion="{n}")))


def test_the_hash_of_a_plain_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "1.jsonl", 7)

    assert sha256_of_files(path) == sha256_of(path)


def test_the_hash_of_several_files_changes_with_a_byte_a_name_or_a_file(tmp_path: Path) -> None:
    pattern = tmp_path / "*.jsonl"
    write(tmp_path / "1.jsonl", 7)
    other = write(tmp_path / "2.jsonl", 8)
    hashes = [sha256_of_files(pattern)]

    write(other, 9)
    hashes.append(sha256_of_files(pattern))
    other = other.rename(tmp_path / "3.jsonl")
    hashes.append(sha256_of_files(pattern))
    other.unlink()
    hashes.append(sha256_of_files(pattern))

    assert len(set(hashes)) == 4


def test_the_hash_of_several_files_is_the_same_in_another_folder(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        for name in ("a/1.jsonl", "b/1.jsonl"):
            write(tmp_path / folder / name, 7)

    here, there = (sha256_of_files(tmp_path / name / "*/*.jsonl") for name in ("here", "there"))

    assert here == there
