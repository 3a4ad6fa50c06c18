"""Cutting one data file into a job's four, so that no prompt stands in two of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping as Mapped
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.mapping import Mapping
from shared.errors import Rejected
from shared.rows import Sample, read_rows, to_sample

SCORED = ("dev", "test", "confirm")
"""What is cut off, in the order of being served."""

SHARE = 0.1
MOST = 500
"""Rows that each file to score on has at most; more would be slow and hardly surer."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where the rows went."""

    files: dict[str, Path]
    """By split: train, and of dev, confirm and test those that were made."""
    rows: dict[str, int]
    """How many are in each."""


def write_split(
    path: Path, mapping: Mapping, folder: Path, shares: Mapped[str, float] | None = None
) -> Split:
    """Write `train.jsonl`, `dev.jsonl`, `confirm.jsonl` and `test.jsonl`, replacing what is there.

    Rows go by a hash of what the user says first, case and white space aside: equal prompts, and
    conversations that begin alike, stay together, and the same file is always cut the same way.

    Args:
        path: the rows to cut.
        mapping: how they become conversations.
        folder: where to write.
        shares: of the rows that go to each file to score on, which has one row at least; those not
            named are not written. None for a tenth each, about `MOST` rows at most.

    Raises:
        Rejected: fewer different prompts than files.
        DataFailed: as `shared.rows.read_rows` and `to_sample`.
    """
    sizes = Counter(_key(to_sample(row, mapping, path)) for row in read_rows(path))
    if shares is None:
        shares = dict.fromkeys(SCORED, min(SHARE, MOST / max(1, sizes.total())))
    if len(sizes) < 1 + len(shares):
        raise Rejected(
            f"{path}: wanted at least {1 + len(shares)} different prompts to make train, "
            f"{', '.join(shares)} of, found {len(sizes)}; give more rows, or rows to score on in "
            "files of their own"
        )
    left = sorted(sizes)
    split_of: dict[bytes, str] = {}
    for split in (split for split in SCORED if split in shares):
        taken = _take(left, sizes, max(1, round(shares[split] * sizes.total())))
        split_of |= dict.fromkeys(taken, split)
        left = [key for key in left if key not in taken]
    written = [
        split for split in ("train", "dev", "confirm", "test") if split in {"train", *shares}
    ]
    return _write(path, mapping, folder, split_of, written)


def _take(groups: list[bytes], sizes: Counter[bytes], quota: int) -> set[bytes]:
    taken, rows = set(), 0
    for key in groups:
        if rows + sizes[key] <= quota:
            taken.add(key)
            rows += sizes[key]
    # Every prompt may stand more often than the quota allows; one of them has to go in even so.
    return taken or {min(groups, key=lambda key: sizes[key])}


def _write(
    path: Path,
    mapping: Mapping,
    folder: Path,
    split_of: dict[bytes, str],
    splits: Sequence[str],
) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    files = {split: folder / f"{split}.jsonl" for split in splits}
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
