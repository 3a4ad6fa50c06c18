import json
from pathlib import Path

import pytest

from services.executor.pipeline import materialise, read_materialised
from shared.contracts.mapping import Templates
from shared.contracts.operators import Extract, Load, Map, Operator, Where
from shared.errors import DataFailed
from shared.rows import sha256_of_files

MAP = Map(mapping=Templates(prompt="{q}", completion="{a}"))


def write(path: Path, *texts: str) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def pattern(folder: Path) -> list[Operator]:
    path = folder / "part-*.jsonl"
    return [
        Load(path=str(path), sha256=sha256_of_files(path)),
        Where(column="text", values=("spam",), fate="drop"),
        Extract(column="text", pattern=r"(?P<q>\S+) (?P<a>\S+)"),
        MAP,
    ]


def test_samples_of_several_files_keep_their_places_through_all_operators(tmp_path: Path) -> None:
    write(tmp_path / "part-2.jsonl", "q3 a3")
    write(tmp_path / "part-1.jsonl", "q1 a1", "spam", "q2 a2")

    made = materialise(pattern(tmp_path), tmp_path / "cache")

    found = list(read_materialised(made.train))
    assert [(one.prompt, Path(one.source).name, one.row) for one in found] == [
        ("q1", "part-1.jsonl", 1),
        ("q2", "part-1.jsonl", 3),
        ("q3", "part-2.jsonl", 1),
    ]
    assert [row.rows_out for row in made.rows] == [4, 3, 3, 3]


def test_one_file_more_than_the_recipe_was_written_for_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "part-1.jsonl", "q1 a1")
    operators = pattern(tmp_path)
    write(tmp_path / "part-2.jsonl", "q2 a2")

    with pytest.raises(DataFailed, match="changed since the recipe was written"):
        materialise(operators, tmp_path / "cache")


def test_a_column_that_one_of_several_files_lacks_is_named_by_that_file(tmp_path: Path) -> None:
    write(tmp_path / "part-1.jsonl", "q1 a1")
    (tmp_path / "part-2.jsonl").write_text('{"txt": "q2 a2"}\n')

    with pytest.raises(DataFailed, match=r"part-2\.jsonl line 1: wanted a column 'text'"):
        materialise(pattern(tmp_path), tmp_path / "cache")
