"""How prepared samples lie on disk."""

from dataclasses import astuple
from pathlib import Path

import numpy as np

from services.executor.sample_files import iterate_samples, split_file, write_samples
from shared.rows import Sample
from shared.turns import Turn


def test_every_field_of_a_sample_is_kept_on_disk(tmp_path: Path) -> None:
    turns = (Turn("user", "hi"), Turn("assistant", "hello"))
    whole = Sample("q", "a", "s", turns, "b", good=False, score=0.5, source="f", row=7, copy=True)
    bare = Sample("q", "a")

    write_samples(tmp_path / "samples", tmp_path / "lineage", [whole, bare])

    found = list(iterate_samples(tmp_path / "samples"))
    assert [astuple(one) for one in found] == [astuple(whole), astuple(bare)]
    assert found[0].history == turns
    assert found[0].history[0].role == "user"


def test_a_file_of_several_batches_is_split_row_by_row(tmp_path: Path) -> None:
    whole, these, others = (tmp_path / name for name in ("whole", "these", "others"))
    write_samples(whole, tmp_path / "lineage", (Sample(f"{n}", "a") for n in range(25_000)))
    chosen = np.arange(25_000) % 3 == 0

    split_file(whole, {others: ~chosen, these: chosen})

    assert [int(one.prompt) for one in iterate_samples(these)] == list(range(0, 25_000, 3))
    assert [int(one.prompt) for one in iterate_samples(others)] == [
        number for number in range(25_000) if number % 3
    ]
