"""Reads and writes the benchmark's raw rows: one a run, as CSV, gzipped."""

import csv
import gzip
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.search.arena import SHARES, Outcome

CURVE = tuple(f"curve_{round(100 * share)}" for share in SHARES)

COLUMNS = (
    "method", "task", "cell", "sigma", "budget", "workers", "variant", "seed",
    *CURVE,
    "regret_recipe", "regret_checkpoint", "reported", "truth",
    "spent", "makespan", "idle", "planner_ms", "acts",
)  # fmt: skip

_TEXTS = {"method", "task", "cell", "variant"}

Row = dict[str, str | float]


def row_of(outcome: Outcome, **game: str | float) -> Row:
    """Return an outcome as a row of `COLUMNS`; ``game`` holds those that say what was played."""
    curve: Row = dict(zip(CURVE, outcome.curve, strict=True))
    return (
        game
        | curve
        | {
            "regret_recipe": outcome.recipe_regret,
            "regret_checkpoint": outcome.checkpoint_regret,
            "reported": outcome.reported,
            "truth": outcome.truth,
            "spent": outcome.spent,
            "makespan": outcome.makespan,
            "idle": outcome.idle,
            "planner_ms": outcome.planner_ms,
            "acts": outcome.acts,
        }
    )


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows, without the time of day, so that equal rows make equal files."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
    ):
        lines = csv.DictWriter(_Text(packed), COLUMNS, lineterminator="\n")
        lines.writeheader()
        for one in rows:
            lines.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in one.items()})


def read_rows(paths: Sequence[Path]) -> list[Row]:
    """Return the rows of several files, numbers as numbers."""
    rows: list[Row] = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                rows.append({k: v if k in _TEXTS else float(v) for k, v in line.items()})
    return rows


def shown(rows: Iterable[Row], total: int) -> Iterator[Row]:
    """Yield rows and say on standard error how far it is."""
    started = time.monotonic()
    for done, one in enumerate(rows, 1):
        if done % 500 == 0 or done == total:
            left_s = (time.monotonic() - started) * (total - done) / done
            print(f"{done} of {total} runs, {left_s / 60:.1f} minutes left", file=sys.stderr)
        yield one


class _Text:
    """Lets `csv` write to a binary file."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())
