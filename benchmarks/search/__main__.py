"""Runs the comparison of PREREGISTRATION.md and prints what came out.

python -m benchmarks.search --out FOLDER [--jobs 2] [--only intents]

Rows that are in the folder already are not made again, so a run that was stopped goes on with the
next part, and of a finished one the report is printed in seconds.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.search import controls, plots, report
from benchmarks.search.comparison import Deliver, by_method, compare
from benchmarks.search.contestants import CONTESTANTS, OURS, PEERS
from benchmarks.search.replay import BUDGETS, replay, replays
from benchmarks.search.rows import Row, read_rows
from benchmarks.search.simulate import CELLS, Cell, Game, games_of, simulate
from benchmarks.search.variants import CONTROLS

FOUR_WORKERS = [cell for cell in CELLS if cell.workers == 4]

HARDER = ("misleading", "quality0", "quality50")
"""Variants that are not controls; the best of each kind of method play them."""

KINDS = (
    OURS,
    "PITS",
    "random drafts",
    "greedy",
    "UCT max c=.1",
    "rank-PUCT + check",
    "TPE",
    "ASHA",
    "ASHA + evolve",
)

SEEDS = 20
"""Games of each kind on a table of real runs."""

LEARNED_FROM = ("intents", "dates", "orders")
"""Tables that the search was changed on; what it reaches there is no evidence."""


def landscapes() -> list[Game]:
    """Return the games of the main comparison."""
    return games_of(range(7000, 7020))


def variants() -> list[Game]:
    """Return the games on harder landscapes."""
    return games_of(range(7000, 7010), KINDS, FOUR_WORKERS, HARDER)


def negative_controls() -> list[Game]:
    """Return the games in which nobody can be better, or much goes wrong."""
    everybody, cells = tuple(CONTESTANTS), [Cell(4, 0.1, 20)]
    others = [variant for variant in CONTROLS if variant != "shuffled"]
    return [
        *games_of(range(7000, 7240), everybody, cells, ["shuffled"]),
        *games_of(range(7000, 7040), everybody, cells, others),
    ]


def _replayed(task: str, out: Path, jobs: int) -> None:
    replay(replays(task, SEEDS), out, jobs=jobs)


PARTS: dict[str, Callable[[Path, int], None]] = {
    "landscapes": lambda out, jobs: simulate(landscapes(), out, jobs=jobs),
    "variants": lambda out, jobs: simulate(variants(), out, jobs=jobs),
    "controls": lambda out, jobs: simulate(negative_controls(), out, jobs=jobs),
    **{task: partial(_replayed, task) for task in BUDGETS},
}
"""What is run, in this order, and how."""


def main() -> None:
    """Run what is missing, then print the report and draw."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True, help="folder of rows and drawings")
    options.add_argument("--jobs", type=int, default=2, help="processes")
    options.add_argument("--only", choices=PARTS, action="append", help="part; may be repeated")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for part in chosen.only or PARTS:
        rows = chosen.out / f"{part}.csv.gz"
        if rows.exists():
            sys.stderr.write(f"{part}: {rows} is there and not made again\n")
            continue
        sys.stderr.write(f"{part}\n")
        unfinished = rows.with_suffix(".unfinished")
        PARTS[part](unfinished, chosen.jobs)
        unfinished.rename(rows)
    text = "\n\n".join(sections(chosen.out))
    (chosen.out / "REPORT.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def sections(folder: Path) -> Iterator[str]:
    """Yield the report's parts, as far as there are rows, and write the drawings they go with."""
    rows = {
        part: read_rows([file]) for part in PARTS if (file := folder / f"{part}.csv.gz").exists()
    }
    if "landscapes" in rows:
        found = _compared(rows["landscapes"], folder, "recipe", "landscapes")
        yield f"# Made-up landscapes\n\n{found}"
    if "variants" in rows:
        found = report.report(rows["variants"], ours=OURS, peers=PEERS)
        yield f"# Harder landscapes\n\n{found}"
    if "controls" in rows:
        found = controls.table_of(controls.controls(rows["controls"]))
        yield f"# Negative controls\n\n{found}"
    tables = {task: rows[task] for task in BUDGETS if task in rows}
    new = [row for task, found in tables.items() if task not in LEARNED_FROM for row in found]
    if new:
        yield "# Tables of real runs"
        yield f"## The recipe\n\n{_compared(new, folder, 'recipe', 'tables')}"
        yield f"## The checkpoint\n\n{_compared(new, folder, 'checkpoint', 'tables-checkpoint')}"
    for task, alone in tables.items():
        learned = ", which the search was changed on" if task in LEARNED_FROM else ""
        yield f"## {task} alone{learned}\n\n{report.report(alone, ours=OURS, peers=PEERS)}"


def _compared(rows: list[Row], folder: Path, deliver: Deliver, name: str) -> str:
    games = by_method(rows)
    compared = compare(games, ours=OURS, peers=PEERS, deliver=deliver)
    drawings = {"regret": plots.curves(games, OURS, PEERS)}
    drawings["differences"] = plots.forest(compared, OURS, deliver)
    for what, drawing in drawings.items():
        (folder / f"{name}-{what}.svg").write_text(drawing, encoding="utf-8")
    return report.report(rows, ours=OURS, peers=PEERS, deliver=deliver)


if __name__ == "__main__":
    main()
