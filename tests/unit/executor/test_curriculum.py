import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from services.executor import sample_files
from services.executor.operators.curriculum import easy_first
from services.executor.pipeline import materialise, read_materialised
from services.executor.sample_files import iterate_samples, reorder_file, write_samples
from shared.contracts.mapping import Templates
from shared.contracts.operators import Curriculum, Easy, HoldOut, Load, Map, Operator
from shared.contracts.run import RowCount
from shared.errors import DataFailed
from shared.rows import Sample, sha256_of
from shared.turns import Turn


def source(folder: Path, lengths: list[int]) -> list[Operator]:
    path = folder / "source.csv"
    path.write_text("q\n" + "".join(f"{'x' * length}\n" for length in lengths))
    mapping = Templates(prompt="{q}", completion="{q}")
    return [Load(path=str(path), sha256=sha256_of(path)), Map(mapping=mapping)]


def lengths(path: Path) -> list[int]:
    return [len(one.prompt) for one in read_materialised(path)]


def test_everything_that_is_said_makes_a_sample_long() -> None:
    samples = [
        Sample("12", "1", rejected="1234"),
        Sample("12", "1", system="12"),
        Sample("12", "123"),
        Sample("1", "1"),
        Sample("1", "1", history=(Turn("user", "1"), Turn("assistant", "12345"))),
    ]

    assert easy_first(samples, "short").tolist() == [3, 1, 2, 0, 4]


@pytest.mark.parametrize(
    ("first", "order"), [("high_score", [1, 0, 3, 2]), ("low_score", [2, 0, 3, 1])]
)
def test_samples_are_ordered_by_score(first: Easy, order: list[int]) -> None:
    samples = [Sample("q", "a", score=score) for score in (0.5, 1.0, 0.0, 0.5)]

    assert easy_first(samples, first).tolist() == order


def test_equals_stay_in_their_order_however_many_there_are() -> None:
    samples = [Sample("q", "a", score=number % 2) for number in range(200)]

    assert easy_first(samples, "low_score").tolist() == [*range(0, 200, 2), *range(1, 200, 2)]


def test_a_sample_without_a_score_is_named(tmp_path: Path) -> None:
    operators = [*source(tmp_path, [3]), Curriculum(first="high_score")]

    with pytest.raises(DataFailed, match=r"source\.csv line 2: wanted a score to order samples by"):
        materialise(operators, tmp_path / "cache")


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 70))
def test_a_file_is_reordered_part_by_part(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int], part: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    turns = (Turn("user", "hi"),)
    samples = [
        Sample(f"{number}", "a", history=turns[: key % 2], score=key / 5)
        for number, key in enumerate(keys)
    ]
    write_samples(folder / "samples", folder / "lineage", samples)
    order = list(range(len(keys)))
    random.Random(part).shuffle(order)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_files, "_PART", part)
        reorder_file(folder / "samples", np.array(order, dtype=np.int64), folder / "reordered")

    assert list(iterate_samples(folder / "reordered")) == [samples[place] for place in order]


def test_training_and_lineage_are_in_order_and_so_is_what_is_not_held_out(tmp_path: Path) -> None:
    given = [n * 7 % 40 + 1 for n in range(40)]
    operators = [
        *source(tmp_path, given),
        Curriculum(),
        HoldOut(share=0.2, max_samples=50),
    ]

    made = materialise(operators, tmp_path / "cache")
    whole = materialise(operators[:-1], tmp_path / "cache")

    assert lengths(whole.train) == list(range(1, 41))
    lineage = parquet.read_table(whole.train.with_name("lineage.parquet"))
    assert [given[row - 2] for row in lineage["row"].to_pylist()] == list(range(1, 41))
    assert whole.rows[-1] == RowCount(operator="curriculum", rows_in=40, rows_out=40)
    assert len(lengths(made.train)) == 32
    assert lengths(made.train) == sorted(lengths(made.train))
