"""Lets every contestant play on the table of real runs; one row a run, written as CSV.

python -m benchmarks.search.replay --task intents --out rows.csv.gz
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from random import Random

from benchmarks.search.arena import play
from benchmarks.search.contestants import CONTESTANTS
from benchmarks.search.fttable.table import read_table
from benchmarks.search.rows import Row, row_of, shown, write_rows
from benchmarks.search.table_world import RESEARCHERS, TableWorld

BUDGETS = {
    "intents": (10, 20, 40),
    "dates": (5, 10, 20),
    "orders": (5, 10, 20),
    "tags": (5, 10, 20),
    "times": (5, 10, 20),
}
"""Of each task, in mean full runs of its table: 40 of 360 recipes, 20 of 90."""

WORKERS = (1, 4)
"""Runs at a time."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One run of one method."""

    method: str
    task: str
    researcher: str
    budget: float
    workers: int
    seed: int


def play_replay(game: Replay) -> Row:
    """Return the row of one run; the same for the same game, planner times aside."""
    world = TableWorld(read_table(game.task), mutate=RESEARCHERS[game.researcher], seed=game.seed)
    rng = Random(f"{game.task} {game.researcher} {game.budget} {game.workers} {game.seed}")
    contestant = CONTESTANTS[game.method](world, game.budget, rng)
    outcome = play(world, contestant, budget=game.budget, workers=game.workers)
    return row_of(
        outcome,
        method=game.method,
        task=game.task,
        cell=f"W{game.workers} B{game.budget:g}",
        sigma=0.0,
        budget=game.budget,
        workers=game.workers,
        variant=game.researcher,
        seed=game.seed,
    )


def replays(task: str, seeds: int) -> list[Replay]:
    """Return every game of so many seeds on a table."""
    return [
        Replay(method, task, researcher, budget, workers, seed)
        for method in CONTESTANTS
        for researcher in RESEARCHERS
        for budget in BUDGETS[task]
        for workers in WORKERS
        for seed in range(seeds)
    ]


def replay(games: Sequence[Replay], out: Path, *, jobs: int) -> None:
    """Play games in so many processes and write their rows."""
    with Pool(jobs) as pool:
        rows = pool.imap(play_replay, games, chunksize=30)
        write_rows(shown(rows, len(games)), out)


def main() -> None:
    """Play and write the rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--task", choices=BUDGETS, required=True)
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    replay(replays(chosen.task, chosen.seeds), chosen.out, jobs=chosen.jobs)


if __name__ == "__main__":
    main()
