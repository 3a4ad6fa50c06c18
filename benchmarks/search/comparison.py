"""Who is better: our method against every other one on the same games, and what may be said of it.

A *game* is what a row of every method was played on: task, variant, cell and seed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from benchmarks.search.rows import Row
from benchmarks.search.statistics import Difference, holm, paired_difference
from shared.errors import Rejected

WORSE = 0.03
"""Being worse by more than this in a task or a cell forbids the word better."""

LEVEL = 0.05
"""Of the corrected p-value, below which a difference is believed."""

_MANY_TASKS = 5
"""From this many tasks on, cells are averaged over tasks before they are looked at one by one."""

Games = Mapping[str, Sequence[Row]]
"""The rows of each method, by its name."""

Deliver = Literal["recipe", "checkpoint"]
Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our method against another one."""

    difference: Difference
    """Of regret, ours minus the other's."""
    holm: float | None
    """The p-value corrected for the family; None for a method outside it."""
    worst: float
    """By how much ours is worse where it does worst; negative if it is better everywhere."""
    where: str
    """The task or cell of ``worst``, and its variant."""

    @property
    def verdict(self) -> Verdict:
        """What may be said of ours; outside the family by the uncorrected p-value."""
        p = self.difference.p if self.holm is None else self.holm
        if self.difference.high < 0 and p < LEVEL and self.worst <= WORSE:
            return "better"
        if self.difference.low > 0 and p < LEVEL:
            return "worse"
        return "not distinguishable"


def by_method(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each method, in the same order of games.

    Raises:
        Rejected: the methods did not all play the same games once; averages would mislead.
    """
    games: dict[str, list[Row]] = {}
    for row in sorted(rows, key=game):
        games.setdefault(str(row["method"]), []).append(row)
    every = {game(row) for row in rows}
    for name, mine in games.items():
        played = {game(row) for row in mine}
        if len(played) < len(mine):
            raise Rejected(
                f"wanted one row a game, {name!r} has {len(mine)} for {len(played)} games; "
                "give each file of rows once"
            )
        if played != every:
            raise Rejected(
                f"wanted all methods to have played the same games, {name!r} lacks "
                f"{len(every - played)} of {len(every)}; add its rows or leave it out"
            )
    return games


def compare(
    games: Games, *, ours: str, peers: Collection[str], deliver: Deliver
) -> dict[str, Comparison]:
    """Return our method's comparison with every other one, by the other's name.

    Args:
        games: of all methods; see `by_method`.
        ours: the method that the others are compared with.
        peers: the family that Holm's correction counts, those of them that played; others are
            compared without it.
        deliver: whose final regret is compared.

    Raises:
        Rejected: ours did not play.
    """
    if ours not in games:
        raise Rejected(
            f"wanted rows of {ours!r}, found those of {', '.join(games) or 'nobody'}; "
            "name one that played as ours"
        )
    column = regret_of(deliver)
    found = {
        name: paired_difference(_regrets(games[ours], column), _regrets(theirs, column))
        for name, theirs in games.items()
        if name != ours
    }
    corrected = holm({name: one.p for name, one in found.items() if name in peers})
    return {
        name: Comparison(one, corrected.get(name), *_worst(games[ours], games[name], column))
        for name, one in found.items()
    }


def regret_of(deliver: Deliver) -> str:
    """Return the column with the final regret of a deliverable."""
    return f"regret_{deliver}"


def game(row: Row) -> tuple[str, str]:
    """Return what pairs a row with other methods': its task, and the game within it."""
    return str(row["task"]), f"{row['variant']} {row['cell']} {row['seed']:g}"


def mean(rows: Sequence[Row], column: str) -> float:
    """Return the mean of a column of numbers."""
    return fmean(float(row[column]) for row in rows)


def _regrets(rows: Sequence[Row], column: str) -> dict[tuple[str, str], float]:
    return {game(row): float(row[column]) for row in rows}


def _worst(ours: Sequence[Row], theirs: Sequence[Row], column: str) -> tuple[float, str]:
    """Return by how much the first is worse where it does worst, and where.

    With few tasks every task is looked at, with many every cell over all of them; both for each
    variant alone.
    """
    by = "cell" if len({row["task"] for row in ours}) >= _MANY_TASKS else "task"
    mine, others = _means(ours, by, column), _means(theirs, by, column)
    where = max(mine, key=lambda place: mine[place] - others[place])
    return mine[where] - others[where], where


def _means(rows: Sequence[Row], by: str, column: str) -> dict[str, float]:
    places: dict[str, list[Row]] = {}
    for row in rows:
        places.setdefault(f"{row[by]}, {row['variant']}", []).append(row)
    return {place: mean(found, column) for place, found in places.items()}
