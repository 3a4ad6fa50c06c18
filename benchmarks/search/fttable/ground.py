"""Makes what every run of a task shares: data and a base model, the same bytes every time.

The base model's bytes are the same on the same kind of processor only.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.search.fttable.item import Item, training_rows
from benchmarks.search.fttable.tasks import TASKS, Task
from shared.rows import sha256_of

ITEMS = {"search": 300, "selection": 300, "test": 600}
"""Items of each split."""

_SEED = 20


@dataclass(frozen=True, slots=True)
class Ground:
    """What every run of a task shares."""

    task: Task
    base: Path
    train: Path
    cache: Path
    splits: dict[str, list[Item]]
    """As `ITEMS`."""


def make_ground(name: str, folder: Path) -> Ground:
    """Return a task's data and base in a folder, making what is not there.

    The base takes up to a minute on one thread. Give torch one: of a model so small two threads
    make a slower one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task = TASKS[name]
    splits, rows, fresh = drawn(task)
    train, base = folder / "train.jsonl", folder / "base"
    if not train.exists():  # others may be reading it
        write_rows(train, rows, task.column)
    if not base.exists():
        _make_base(base, task, fresh)
    return Ground(task=task, base=base, train=train, cache=folder / "cache", splits=splits)


def drawn(task: Task) -> tuple[dict[str, list[Item]], list[Item], Iterator[Item]]:
    """Return a task's splits, its rows to train on, and what yields items that are in neither."""
    rng = random.Random(_SEED)
    fresh = task.items(rng)
    splits = {name: list(islice(fresh, count)) for name, count in ITEMS.items()}
    return splits, training_rows(fresh, task.flaws, rng, task.train_rows), fresh


def decisive_hashes(ground: Ground) -> dict[str, str]:
    """Return the SHA-256 of all that decides a row: data, and the base model's weights."""
    return data_hashes(ground.train, ground.splits) | {
        "base/model.safetensors": sha256_of(ground.base / "model.safetensors")
    }


def data_hashes(train: Path, splits: dict[str, list[Item]]) -> dict[str, str]:
    """Return the SHA-256 of the rows to train on, and of the splits' texts and answers as JSON."""
    items = {name: [[one.text, one.answer] for one in split] for name, split in splits.items()}
    canonical = json.dumps(items, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "train.jsonl": sha256_of(train),
        "items": hashlib.sha256(canonical.encode()).hexdigest(),
    }


def write_rows(path: Path, rows: Sequence[Item], column: str) -> None:
    """Write items as the file that the executor trains on."""
    lines = [json.dumps({"text": row.text, column: row.answer}) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


def _make_base(base: Path, task: Task, fresh: Iterator[Item]) -> None:
    from services.executor.nano import make_nano_base

    text = base.with_suffix(".txt")
    task.write_base_text(text, fresh)
    make_nano_base(
        text,
        base,
        progress=lambda _: None,
        steps=task.base_steps,
        batch_size=8,
        vocabulary=512,
        hidden_size=64,
        layers=2,
    )
