import heapq
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.executor.operators.hold_out import MIN_SAMPLES, hold_out
from services.executor.pipeline import materialise, read_materialised
from services.executor.sample_files import rows_of, write_samples
from shared.contracts.mapping import Messages
from shared.contracts.operators import HoldOut, Load, Map, Operator
from shared.contracts.run import Dropped
from shared.rows import Sample, sha256_of

SHARES = st.floats(0.01, 0.99)


def aside(
    rows: Sequence[int],
    copies: Sequence[bool] = (),
    *,
    share: float = 0.1,
    max_samples: int = 50,
    seed: int = 0,
) -> list[int]:
    copied = np.array(copies or [False] * len(rows), dtype=np.bool_)
    row = np.array(rows, dtype=np.int64)
    chosen = hold_out(row, copied, share=share, max_samples=max_samples, seed=seed)
    return [int(place) for place in np.flatnonzero(chosen)]


@given(st.integers(0, 300), SHARES, st.integers(1, 50), st.integers(0, 9))
def test_where_every_sample_has_a_row_of_its_own_the_luckiest_are_chosen(
    count: int, share: float, most: int, seed: int
) -> None:
    wanted = min(max(1, round(count * share)), most, count - 1) if count >= MIN_SAMPLES else 0
    draw = random.Random(f"hold_out {seed}").random
    luckiest = heapq.nsmallest(wanted, [(draw(), place) for place in range(count)])

    found = aside(range(count), share=share, max_samples=most, seed=seed)

    assert found == sorted(place for _, place in luckiest)


def test_the_same_seed_sets_the_same_places_aside_on_every_machine() -> None:
    assert aside(range(100), share=0.03, max_samples=9, seed=7) == [3, 10, 35]
    assert aside(range(100), share=0.03, max_samples=9, seed=8) != [3, 10, 35]


def test_the_share_is_met_up_to_the_maximum_and_never_takes_all() -> None:
    assert len(aside(range(1000), share=0.05, max_samples=200)) == 50
    assert len(aside(range(1000), share=0.05, max_samples=20)) == 20
    assert len(aside(range(20), share=0.99, max_samples=20)) == 19


@given(st.lists(st.integers(0, 40), max_size=150), st.data(), SHARES, st.integers(1, 50))
def test_rows_are_set_aside_whole_within_the_maximum_and_never_all(
    rows: list[int], data: st.DataObject, share: float, most: int
) -> None:
    numbers = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    rows = [numbers[row] for row in rows]
    copies = [data.draw(st.booleans()) for _ in rows]

    found = aside(rows, copies, share=share, max_samples=most)

    taken = {rows[place] for place in found}
    assert found == [place for place, row in enumerate(rows) if row in taken]
    originals = [place for place, copy in enumerate(copies) if not copy]
    measured = set(found) & set(originals)
    assert len(measured) <= min(most, max(1, round(len(originals) * share)))
    assert len(measured) < max(1, len(originals))


def test_a_row_of_copies_alone_is_never_set_aside() -> None:
    rows = [*range(30), 30, 31]
    copies = [False] * 30 + [True] * 2

    for seed in range(50):
        assert max(aside(rows, copies, share=0.9, seed=seed)) < 30


def test_rows_are_told_by_file_and_number_as_they_appear(tmp_path: Path) -> None:
    places = [("b", 2), ("a", 9), ("a", 2), ("b", 2), ("a", 9)]
    samples = [
        Sample("q", "a", source=source, row=row, copy=number > 2)
        for number, (source, row) in enumerate(places)
    ]
    write_samples(tmp_path / "samples", tmp_path / "lineage", samples)

    rows, copies = rows_of(tmp_path / "lineage")

    assert rows.tolist() == [0, 1, 2, 0, 1]
    assert copies.tolist() == [False, False, False, True, True]


def test_the_answers_of_one_conversation_are_held_out_together(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    turns = [{"role": role, "content": role} for role in ("user", "assistant")] * 3
    path.write_text(f"{json.dumps({'messages': turns})}\n" * 20)
    operators: list[Operator] = [
        Load(path=str(path), sha256=sha256_of(path)),
        Map(mapping=Messages(column="messages")),
        HoldOut(share=0.2, max_samples=11),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert made.held_out is not None
    held_out = Counter(one.row for one in read_materialised(made.held_out))
    assert list(held_out.values()) == [3, 3, 3]
    assert not held_out.keys() & {one.row for one in read_materialised(made.train)}
    assert made.rows[-1].dropped == (Dropped(why="set aside", samples=9),)
