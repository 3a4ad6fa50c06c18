"""Lets every contestant play every cell on made-up landscapes; one row a run, written as CSV.

python -m benchmarks.search.simulate --landscapes 1000-1039 --out rows.csv.gz
"""

import argparse
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from random import Random

from benchmarks.search.arena import play
from benchmarks.search.contestants import CONTESTANTS
from benchmarks.search.landscape import landscape
from benchmarks.search.rows import Row, row_of, shown, write_rows
from benchmarks.search.variants import VARIANTS, Noise

MISJUDGED = 0.25
"""Deviation of the logarithm of the items' noise that contestants are told, over the true one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A setting that every method plays."""

    workers: int
    sigma: float
    budget: float

    @property
    def name(self) -> str:
        """Short, for tables."""
        return f"W{self.workers} s{self.sigma:g} B{self.budget:g}"


CELLS = tuple(
    Cell(workers, sigma, budget)
    for workers, sigmas in ((4, (0.03, 0.1, 0.25)), (1, (0.1, 0.25)), (16, (0.1, 0.25)))
    for sigma in sigmas
    for budget in (20, 50, 100)
)


@dataclass(frozen=True, slots=True)
class Game:
    """One run of one method."""

    method: str
    landscape: int
    cell: Cell
    variant: str


def games_of(
    landscapes: Collection[int],
    methods: Collection[str] = tuple(CONTESTANTS),
    cells: Collection[Cell] = CELLS,
    variants: Collection[str] = ("plain",),
) -> list[Game]:
    """Return every game of so many landscapes, methods, cells and variants."""
    return [
        Game(method, number, cell, variant)
        for number in landscapes
        for variant in variants
        for method in methods
        for cell in cells
    ]


def play_game(game: Game) -> Row:
    """Return the row of one run; the same for the same game, planner times aside."""
    cell = game.cell
    rng = Random(f"{game.landscape} {cell.name} {game.variant}")
    noise = Noise(cell.sigma, misjudged=math.exp(rng.gauss(0, MISJUDGED)))
    world = VARIANTS[game.variant](landscape(game.landscape), noise)
    contestant = CONTESTANTS[game.method](world, cell.budget, rng)
    outcome = play(world, contestant, budget=cell.budget, workers=cell.workers)
    return row_of(
        outcome,
        method=game.method,
        task=str(game.landscape),
        cell=cell.name,
        sigma=cell.sigma,
        budget=cell.budget,
        workers=cell.workers,
        variant=game.variant,
        seed=0,
    )


def simulate(games: Sequence[Game], out: Path, *, jobs: int) -> None:
    """Play games in so many processes and write their rows."""
    with Pool(jobs) as pool:
        rows = pool.imap(play_game, games, chunksize=len(CELLS))
        write_rows(shown(rows, len(games)), out)


def numbers(text: str) -> range:
    """Return the numbers of ``first-last``."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Play and write the rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--landscapes", type=numbers, default=numbers("1000-1039"))
    options.add_argument("--methods", default=",".join(CONTESTANTS), help="names, by commas")
    options.add_argument("--variant", choices=VARIANTS, default="plain")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    methods = [method.strip() for method in chosen.methods.split(",")]
    games = games_of(chosen.landscapes, methods, variants=[chosen.variant])
    simulate(games, chosen.out, jobs=chosen.jobs)


if __name__ == "__main__":
    main()
