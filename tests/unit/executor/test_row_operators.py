from pathlib import Path

import pytest
from pydantic import ValidationError

from services.executor.operators.extract import extract
from services.executor.operators.judging import Tally, judged
from services.executor.operators.where import where
from shared.contracts.operators import Extract, Fate
from shared.errors import DataFailed
from shared.rows import Row

FILE = Path("rows.jsonl")


def rows(column: str, *values: object) -> list[Row]:
    return [Row(number, {column: value}) for number, value in enumerate(values, start=1)]


def numbers_where(values: list[str], fate: Fate, some: list[Row]) -> list[int]:
    judge = where("level", values, fate, FILE)
    return [row.number for row in judged(some, judge, Tally("where"))]


def test_rows_with_one_of_the_values_are_kept_or_dropped() -> None:
    some = rows("level", "easy", "hard", "medium", "easy")

    assert numbers_where(["easy", "medium"], "keep", some) == [1, 3, 4]
    assert numbers_where(["easy", "medium"], "drop", some) == [2]


def test_a_number_equals_itself_as_a_template_writes_it() -> None:
    assert numbers_where(["3", "True"], "keep", rows("level", 3, "3", 3.0, True)) == [1, 2, 4]


def test_a_column_without_a_value_equals_nothing() -> None:
    assert numbers_where(["None"], "keep", rows("level", None)) == []
    assert numbers_where(["None"], "drop", rows("level", None)) == [1]


def test_a_column_that_is_not_there_is_an_error_and_not_another_value() -> None:
    with pytest.raises(DataFailed, match=r"line 1: wanted a column 'level', found 'levle'"):
        numbers_where(["easy"], "drop", rows("levle", "easy"))


def test_named_groups_become_columns_and_rows_without_a_match_are_counted() -> None:
    some = rows("text", "Q: 1+1 A: 2", "no question", None, "Q: 2+2 A: 4")
    tally = Tally("extract")
    pattern = r"Q: (?P<question>.+) A: (?P<answer>.+)"

    found = list(extract(some, column="text", pattern=pattern, path=FILE, tally=tally))

    assert found == [
        Row(1, {"text": "Q: 1+1 A: 2", "question": "1+1", "answer": "2"}),
        Row(4, {"text": "Q: 2+2 A: 4", "question": "2+2", "answer": "4"}),
    ]
    assert (tally.rows_in, tally.rows_out, tally.dropped) == (4, 2, {"no match in text": 2})


def test_a_column_without_a_value_is_not_taken_apart() -> None:
    some = rows("text", None, "2")

    found = extract(some, column="text", pattern="(?P<a>.+)", path=FILE, tally=Tally("extract"))

    assert [row.number for row in found] == [2]


def test_a_group_that_took_no_part_is_a_column_without_a_value() -> None:
    some = rows("text", "2")

    found = extract(
        some, column="text", pattern=r"(?P<a>\d)(?P<b>x)?", path=FILE, tally=Tally("extract")
    )

    assert next(found).columns == {"text": "2", "a": "2", "b": None}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "must be a regular expression, and is none"), ("(.+)", "must have a named group")],
)
def test_a_pattern_that_cannot_extract_is_refused_with_the_recipe(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Extract(column="text", pattern=pattern)
