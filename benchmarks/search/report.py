"""Prints what the rows say: a table of regrets with intervals and verdicts, and one of the rest.

python -m benchmarks.search.report ROWS.csv.gz ... [--peers A,B] [--deliver checkpoint]
"""

import argparse
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

from benchmarks.search.arena import SHARES
from benchmarks.search.comparison import (
    WORSE,
    Comparison,
    Deliver,
    Games,
    by_method,
    compare,
    mean,
    regret_of,
)
from benchmarks.search.contestants import OURS, PEERS
from benchmarks.search.rows import CURVE, Row, read_rows
from benchmarks.search.statistics import Ranks, area, ranks, share_to_reach
from shared.errors import Rejected


def main() -> None:
    """Print the report of some rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", type=Path, nargs="+")
    options.add_argument("--ours", default=OURS)
    options.add_argument("--peers", default=",".join(PEERS), help="names, by commas")
    options.add_argument("--deliver", choices=("recipe", "checkpoint"), default="recipe")
    chosen = options.parse_args()
    peers = [name.strip() for name in chosen.peers.split(",")]
    try:
        print(report(read_rows(chosen.rows), ours=chosen.ours, peers=peers, deliver=chosen.deliver))
    except Rejected as error:
        options.error(str(error))


def report(
    rows: Sequence[Row], *, ours: str, peers: Collection[str], deliver: Deliver = "recipe"
) -> str:
    """Return both tables as markdown, the best method first.

    Args:
        rows: of all methods to be compared, each having played the same games.
        ours: the method that the others are compared with.
        peers: the family that Holm's correction counts, those of them that played; others are
            compared without it.
        deliver: whose regret is compared. A recipe is what a new run would be made with, which is
            what a search finds out; a checkpoint's regret holds the luck of its one run besides.

    Raises:
        Rejected: ours did not play, or the methods played different games.
    """
    games = by_method(rows)
    compared = compare(games, ours=ours, peers=peers, deliver=deliver)
    order = sorted(games, key=lambda name: mean(games[name], regret_of(deliver)))
    ordered = {name: games[name] for name in order}
    return "\n\n".join([_regrets(ordered, compared, ours, deliver), _rest(ordered, ours, deliver)])


def shares_to_reach(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, float]:
    """Return for each cell the share of the budget at which our mean curve reaches their last."""
    shares = {}
    for cell in sorted({str(row["cell"]) for row in ours}):
        mine, others = _only(ours, "cell", cell), _only(theirs, "cell", cell)
        shares[cell] = share_to_reach(mean_curve(mine), SHARES, mean(others, CURVE[-1]))
    return shares


def mean_curve(rows: Sequence[Row]) -> list[float]:
    """Return the mean regret after each of `SHARES` of the budget."""
    return [mean(rows, name) for name in CURVE]


def _regrets(games: Games, compared: Mapping[str, Comparison], ours: str, deliver: Deliver) -> str:
    """Return the table of regrets, and a note."""
    head = ["method", "regret", "area", *_parts(games[ours])]
    head += [f"{ours} minus it [95 %]", "Holm p", "verdict"]
    lines = []
    for name, mine in games.items():
        numbers = [mean(mine, regret_of(deliver)), area(mean_curve(mine), SHARES)]
        numbers += [mean(part, regret_of(deliver)) for part in _parts(mine).values()]
        words = _words(compared[name]) if name in compared else ["", "", ""]
        lines.append([name, *(f"{number:.3f}" for number in numbers), *words])
    family = sum(one.holm is not None for one in compared.values())
    note = (
        f"Regret of the delivered {deliver}. *Area* is under the recipe's curve, over the "
        f"logarithm of the budget. Holm's correction counts {family} peers; verdicts without a "
        "Holm p are uncorrected. *Better*: the interval is below 0, and nowhere is it worse by "
        f"more than {WORSE:g}."
    )
    return f"{_table(head, lines)}\n\n{note}"


def _words(one: Comparison) -> list[str]:
    """Return difference, corrected p-value and verdict, with the place that forbids better."""
    found = one.difference
    forbidden = found.high < 0 and one.verdict != "better" and one.worst > WORSE
    return [
        f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]",
        "" if one.holm is None else f"{one.holm:.4f}",
        one.verdict + (f" (worse by {one.worst:.3f} in {one.where})" if forbidden else ""),
    ]


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return a method's rows in parts, by the heading of their column.

    One for every budget, number of workers, noise and variant, of which there are several. Numbers
    of workers are shown over the settings that all of them played, so that they can be held against
    each other.
    """
    parts: dict[str, list[Row]] = {}
    for name, short in (("budget", "B"), ("workers", "W"), ("sigma", "s=")):
        of = _alike(rows) if name == "workers" else rows
        values = sorted({float(row[name]) for row in of})
        parts |= {f"{short}{v:g}": _only(of, name, v) for v in values if len(values) > 1}
    variants = sorted({str(row["variant"]) for row in rows})
    return parts | {v: _only(rows, "variant", v) for v in variants if len(variants) > 1}


def _alike(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of those noises and budgets that were played with every number of workers."""
    played: dict[tuple[str | float, str | float], set[str | float]] = {}
    for row in rows:
        played.setdefault((row["sigma"], row["budget"]), set()).add(row["workers"])
    every = set().union(*played.values())
    return [row for row in rows if played[row["sigma"], row["budget"]] == every]


def _rest(games: Games, ours: str, deliver: Deliver) -> str:
    """Return the table of everything beside the regret, and a note."""
    column = regret_of(deliver)
    placed = _ranks(games, column)
    noises = sorted({float(row["sigma"]) for row in games[ours]})
    reaches = ["budget to reach it", *(f"at s={sigma:g}" for sigma in noises if len(noises) > 1)]
    head = ["method", "mean rank", "regret: recipe", "checkpoint", "reported - true"]
    head += ["worse than default", *reaches, "makespan", "idle", "ms an act"]
    lines = []
    for name, mine in games.items():
        lines.append(
            [
                name,
                f"{placed.mean[name]:.1f}",
                f"{mean(mine, 'regret_recipe'):.3f}",
                f"{mean(mine, 'regret_checkpoint'):.3f}",
                f"{mean(mine, 'reported') - mean(mine, 'truth'):+.3f}",
                f"{fmean(float(row[column]) > 1 for row in mine):.1%}",
                *([""] * len(reaches) if name == ours else _speed(games[ours], mine, noises)),
                f"{mean(mine, 'makespan'):.1f}",
                f"{mean(mine, 'idle'):.0%}",
                f"{mean(mine, 'planner_ms'):.2f}",
            ]
        )
    note = (
        f"Mean ranks closer than {placed.critical:.2f} are not told apart (Nemenyi, 5 %); that all "
        f"methods are equal has p = {placed.p:.2g} (Friedman). *Worse than default*: runs whose "
        f"{deliver} has a regret above 1. *Budget to reach it*: the share of its budget after "
        f"which the recipe of {ours} is as good as the method's last one, both averaged over a "
        "cell's runs; the median over cells, where a cell in which it never is counts as more than "
        "all."
    )
    return f"{_table(head, lines)}\n\n{note}"


def _ranks(games: Games, column: str) -> Ranks:
    """Rank over tasks, or over the games of a single one."""
    tasks = sorted({str(row["task"]) for rows in games.values() for row in rows})
    if len(tasks) == 1:
        return ranks({name: [float(row[column]) for row in rows] for name, rows in games.items()})
    return ranks(
        {
            name: [mean(_only(rows, "task", task), column) for task in tasks]
            for name, rows in games.items()
        }
    )


def _speed(ours: Sequence[Row], theirs: Sequence[Row], noises: Sequence[float]) -> list[str]:
    """Return the typical share to reach them over all cells and, of several noises, for each."""
    words = [_typical(shares_to_reach(ours, theirs).values())]
    for sigma in noises if len(noises) > 1 else []:
        mine, others = _only(ours, "sigma", sigma), _only(theirs, "sigma", sigma)
        words.append(_typical(shares_to_reach(mine, others).values()))
    return words


def _typical(shares: Collection[float]) -> str:
    never = sum(math.isinf(share) for share in shares)
    middle = median(shares)
    share = "> 100%" if math.isinf(middle) else f"{middle:.0%}"
    return f"{share} (never in {never} of {len(shares)})" if never else share


def _only(rows: Sequence[Row], column: str, value: str | float) -> list[Row]:
    return [row for row in rows if row[column] == value]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
