"""Cutting one data file into train, dev and test, so that no prompt stands in two of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.job import Mapping
from shared.errors import Rejected
from shared.rows import read_rows, to_sample

SHARE = 0.1
MOST = 500
"""Rows that dev and test have at most; more would make scoring slow and hardly surer."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where the rows went."""

    train: Path
    dev: Path
    test: Path
    rows: tuple[int, int, int]
    """How many are in each, in that order."""


def write_split(path: Path, mapping: Mapping, folder: Path) -> Split:
    """Write `train.jsonl`, `dev.jsonl` and `test.jsonl`, replacing what is there.

    Rows go by a hash of their prompt, case and white space aside: equal prompts stay together, and
    the same file is always cut the same way. Dev and test get a tenth of the rows each, at least
    one and about `MOST` at most.

    Raises:
        Rejected: fewer than three different prompts.
        DataFailed: as `shared.rows.read_rows` and `to_sample`.
    """
    sizes = Counter(_key(to_sample(row, mapping, path).prompt) for row in read_rows(path))
    if len(sizes) < 3:
        raise Rejected(
            f"{path}: wanted at least 3 different prompts to make train, dev and test of, found "
            f"{len(sizes)}; give more rows, or files of their own with --dev and --test"
        )
    quota = min(MOST, max(1, round(SHARE * sizes.total())))
    groups = sorted(sizes)
    dev = _take(groups, sizes, quota)
    test = _take([key for key in groups if key not in dev], sizes, quota)
    return _write(path, mapping, folder, dev, test)


def _take(groups: Iterable[bytes], sizes: Counter[bytes], quota: int) -> set[bytes]:
    groups = list(groups)
    taken, rows = set(), 0
    for key in groups:
        if rows + sizes[key] <= quota:
            taken.add(key)
            rows += sizes[key]
    # Every prompt may stand more often than the quota allows; one of them has to go in even so.
    return taken or {min(groups, key=lambda key: sizes[key])}


def _write(path: Path, mapping: Mapping, folder: Path, dev: set[bytes], test: set[bytes]) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    files = (folder / "train.jsonl", folder / "dev.jsonl", folder / "test.jsonl")
    rows = [0, 0, 0]
    with ExitStack() as stack:
        outs = [stack.enter_context(file.open("w", encoding="utf-8")) for file in files]
        for row in read_rows(path):
            key = _key(to_sample(row, mapping, path).prompt)
            index = 1 if key in dev else 2 if key in test else 0
            # Parquet knows dates and decimals, JSON does not; templates show them as text anyway.
            outs[index].write(json.dumps(row.columns, ensure_ascii=False, default=str) + "\n")
            rows[index] += 1
    return Split(*files, (rows[0], rows[1], rows[2]))


def _key(prompt: str) -> bytes:
    return hashlib.sha256(" ".join(prompt.casefold().split()).encode()).digest()[:16]
