"""Cutting one data file into a job's four, so that no prompt stands in two of them."""

import hashlib
import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.mapping import Mapping
from shared.errors import Rejected
from shared.rows import Sample, read_rows, to_sample

SHARE = 0.1
MOST = 500
"""Rows that each file to score on has at most; more would be slow and hardly surer."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where the rows went."""

    files: dict[str, Path]
    """By split: train, dev, confirm and test."""
    rows: dict[str, int]
    """How many are in each."""


def write_split(path: Path, mapping: Mapping, folder: Path) -> Split:
    """Write `train.jsonl`, `dev.jsonl`, `confirm.jsonl` and `test.jsonl`, replacing what is there.

    Rows go by a hash of what the user says first, case and white space aside: equal prompts, and
    conversations that begin alike, stay together, and the same file is always cut the same way. All
    but train get a tenth of the rows each, at least one and about `MOST` at most.

    Raises:
        Rejected: fewer than four different prompts.
        DataFailed: as `shared.rows.read_rows` and `to_sample`.
    """
    sizes = Counter(_key(to_sample(row, mapping, path)) for row in read_rows(path))
    if len(sizes) < 4:
        raise Rejected(
            f"{path}: wanted at least 4 different prompts to make train, dev, confirm and test of, "
            f"found {len(sizes)}; give more rows, or files of their own with --dev and --test"
        )
    quota = min(MOST, max(1, round(SHARE * sizes.total())))
    left = sorted(sizes)
    split_of: dict[bytes, str] = {}
    for split in ("dev", "test", "confirm"):
        taken = _take(left, sizes, quota)
        split_of |= dict.fromkeys(taken, split)
        left = [key for key in left if key not in taken]
    return _write(path, mapping, folder, split_of)


def _take(groups: list[bytes], sizes: Counter[bytes], quota: int) -> set[bytes]:
    taken, rows = set(), 0
    for key in groups:
        if rows + sizes[key] <= quota:
            taken.add(key)
            rows += sizes[key]
    # Every prompt may stand more often than the quota allows; one of them has to go in even so.
    return taken or {min(groups, key=lambda key: sizes[key])}


def _write(path: Path, mapping: Mapping, folder: Path, split_of: dict[bytes, str]) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    files = {split: folder / f"{split}.jsonl" for split in ("train", "dev", "confirm", "test")}
    rows = dict.fromkeys(files, 0)
    with ExitStack() as stack:
        outs = {
            split: stack.enter_context(file.open("w", encoding="utf-8"))
            for split, file in files.items()
        }
        for row in read_rows(path):
            split = split_of.get(_key(to_sample(row, mapping, path)), "train")
            # Parquet knows dates and decimals, JSON does not; templates show them as text anyway.
            outs[split].write(json.dumps(row.columns, ensure_ascii=False, default=str) + "\n")
            rows[split] += 1
    return Split(files, rows)


def _key(sample: Sample) -> bytes:
    prompt = next((turn.content for turn in sample.history), sample.prompt)
    return hashlib.sha256(" ".join(prompt.casefold().split()).encode()).digest()[:16]
