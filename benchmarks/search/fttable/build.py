"""Makes the table of a task: every point of the grid with every seed, then packs the rows.

Rows are appended to ``rows.jsonl`` of the work folder as they come; started again, it goes on where
it stopped. One thread a process, so that a row's bits do not depend on how many cores there are.

    python -m benchmarks.search.fttable.build --task NAME --work FOLDER [--processes 2]
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.fttable.grid import AXES, Point, points_of
from benchmarks.search.fttable.ground import ITEMS, Ground, decisive_hashes, make_ground
from benchmarks.search.fttable.run import RUNGS, Row, make_row
from benchmarks.search.fttable.tasks import TASKS
from shared.rows import sha256_of

SEEDS = (0, 1)

HERE = Path(__file__).parent
COMMAND = "python -m benchmarks.search.fttable.build --task {task} --work FOLDER"


def main(argv: Sequence[str] | None = None) -> None:
    """Make what is missing, then pack."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--task", choices=list(TASKS), required=True)
    options.add_argument("--work", type=Path, required=True, help="scratch folder, kept to resume")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--hardware", default=_hardware(), help="words for the manifest")
    chosen = options.parse_args(argv)
    _one_thread()
    ground = make_ground(chosen.task, chosen.work)
    _drop_cut_line(chosen.work / "rows.jsonl")
    levels = TASKS[chosen.task].levels
    missing = missing_runs(chosen.work, levels)
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(chosen.processes, initializer=_quiet) as pool:
        wanted = [(chosen.task, chosen.work, point, seed) for point, seed in missing]
        with (chosen.work / "rows.jsonl").open("a", encoding="utf-8") as file:
            for done, row in enumerate(pool.imap_unordered(_make, wanted), 1):
                file.write(json.dumps(row) + "\n")
                file.flush()
                left_s = (time.monotonic() - started) * (len(wanted) - done) / done
                sys.stderr.write(f"\r{done} of {len(wanted)} runs, {left_s / 60:.0f} minutes left ")
    hashes = decisive_hashes(ground)
    pack(chosen.work, HERE / chosen.task, levels, hashes=hashes, hardware=chosen.hardware)


def missing_runs(work: Path, levels: Point) -> list[tuple[Point, int]]:
    """Return the runs of a grid that the work folder has no row of."""
    made = {(tuple(row["point"]), row["seed"]) for row in read_rows(work)}
    wanted = [(point, seed) for seed in SEEDS for point in points_of(levels)]
    return [run for run in wanted if run not in made]


def read_rows(work: Path) -> list[Row]:
    """Return the rows made so far; a line that a kill cut short is left out."""
    file = work / "rows.jsonl"
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def _drop_cut_line(file: Path) -> None:
    """Take away a last line without its end, so that the next row does not grow onto it."""
    if file.exists():
        written = file.read_bytes()
        os.truncate(file, written.rfind(b"\n") + 1)


def pack(work: Path, out: Path, levels: Point, *, hashes: dict[str, str], hardware: str) -> None:
    """Write ``<out>.npz`` and ``<out>.json``; `benchmarks.search.fttable.table` reads them.

    Args:
        work: where the rows are.
        out: named after the task.
        levels: of the grid, of each axis how many.
        hashes: `decisive_hashes` of the task.
        hardware: what the rows were made on, in words.
    """
    rows = {(tuple(row["point"]), row["seed"]): row for row in read_rows(work)}
    points = points_of(levels)
    shape = (len(points), len(SEEDS), len(RUNGS))
    columns: dict[str, Any] = {
        "failed": np.zeros(shape[:2], bool),
        **{name: np.full(shape, np.nan, np.float32) for name in _NUMBERS},
        "search": np.zeros((*shape, _bytes("search")), np.uint8),
        "selection": np.zeros((*shape[:2], _bytes("selection")), np.uint8),
        "test": np.zeros((*shape[:2], _bytes("test")), np.uint8),
    }
    for at, point in enumerate(points):
        for seed in SEEDS:
            _fill(columns, at, seed, rows[point, seed])
    file = out.with_suffix(".npz")
    np.savez_compressed(file, **columns)
    manifest = {
        "task": out.name,
        "command": COMMAND.format(task=out.name),
        "hardware": hardware,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
        "axes": dict(zip(AXES, map(_first, AXES.values(), levels), strict=True)),
        "seeds": list(SEEDS),
        "rungs": list(RUNGS),
        "items": ITEMS,
        "sha256": {file.name: sha256_of(file), **hashes},
    }
    out.with_suffix(".json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _first(values: tuple[Any, ...], count: int) -> list[Any]:
    return list(values[:count])


_NUMBERS = ("cpu_s", "score_s", "steps", "tokens", "train_loss", "likelihood")


def _fill(columns: dict[str, Any], at: int, seed: int, row: Row) -> None:
    columns["failed"][at, seed] = row["error"] is not None
    for rung, found in enumerate(row["rungs"]):
        for name in _NUMBERS:
            columns[name][at, seed, rung] = found[name]
        columns["search"][at, seed, rung] = _unhexed(found["search"])
        for split in ("selection", "test"):
            if split in found:
                columns[split][at, seed] = _unhexed(found[split])


def _unhexed(text: str) -> Any:
    return np.frombuffer(bytes.fromhex(text), np.uint8)


def _bytes(split: str) -> int:
    return (ITEMS[split] + 7) // 8


def _hardware() -> str:
    return f"{os.cpu_count()} cores of a shared {platform.machine()} machine, no GPU"


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _quiet() -> None:
    """Prepare a process: one thread, and no word from the trainer."""
    _one_thread()
    warnings.simplefilter("ignore")
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the end


def _make(wanted: tuple[str, Path, Point, int]) -> Row:
    task, work, point, seed = wanted
    return make_row(_ground(task, work), point, seed, work / f"scratch-{os.getpid()}")


@lru_cache
def _ground(task: str, work: Path) -> Ground:
    return make_ground(task, work)


if __name__ == "__main__":
    main()
