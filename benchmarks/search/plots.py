"""Draws what the rows say, as SVG: regret against the share of the budget, and the differences.

python -m benchmarks.search.plots ROWS.csv.gz ... --out FOLDER [--deliver checkpoint]

Text stays text. Both drawings have no background, and colours that stand out from a light page and
from a dark one; what a colour says, a dash, a mark or a word says too.
"""

import argparse
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.search.arena import SHARES
from benchmarks.search.comparison import (
    Comparison,
    Deliver,
    Games,
    Verdict,
    by_method,
    compare,
    mean,
)
from benchmarks.search.contestants import OURS, PEERS
from benchmarks.search.report import mean_curve
from benchmarks.search.rows import CURVE, Row, read_rows
from benchmarks.search.statistics import band
from benchmarks.svg import COLOURS, drawing, line, text
from shared.errors import Rejected

DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")

_LINE = 18
"""Height of a line of text, with its space, in pixels."""


def main() -> None:
    """Write both drawings of some rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", type=Path, nargs="+")
    options.add_argument("--ours", default=OURS)
    options.add_argument("--peers", default=",".join(PEERS), help="names, by commas")
    options.add_argument("--deliver", choices=("recipe", "checkpoint"), default="recipe")
    options.add_argument("--out", type=Path, required=True, help="folder")
    chosen = options.parse_args()
    peers = [name.strip() for name in chosen.peers.split(",")]
    try:
        games = by_method(read_rows(chosen.rows))
        compared = compare(games, ours=chosen.ours, peers=peers, deliver=chosen.deliver)
    except Rejected as error:
        options.error(str(error))
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "regret.svg").write_text(curves(games, chosen.ours, peers), encoding="utf-8")
    drawn = forest(compared, chosen.ours, chosen.deliver)
    (chosen.out / "differences.svg").write_text(drawn, encoding="utf-8")


def curves(games: Games, ours: str, peers: Collection[str]) -> str:
    """Return the drawing of the recipes' mean regret against the share of the budget.

    Ours, the peers that end best and random drafts are named, with the 95 % interval of the mean
    over tasks, or over the games of a single task; all others are thin lines behind them.
    """
    named = _named(games, ours, peers)
    means = {name: mean_curve(rows) for name, rows in games.items()}
    bands = {name: band(_units(games[name])) for name in named}
    every = [regret for curve in means.values() for regret in curve]
    every += [regret for bounds in bands.values() for bound in bounds for regret in bound]
    plane = _Plane(_ticks(min(0.0, *every), max(every)))
    hidden = len(games) - len(named)
    thin = f"; thin: {hidden} others" if hidden else ""
    parts = [
        text(_Plane.left, 24, "Regret of the recipe that would be delivered", "title"),
        text(_Plane.left, 44, f"mean, and its 95 % interval{thin}", "faint"),
        *plane.axes(),
    ]
    for name in sorted(games.keys() - set(named)):
        parts.append(f'<polyline class="other" points="{" ".join(plane.points(means[name]))}"/>')
    for name, colour in zip(named, COLOURS, strict=False):
        low, high = bands[name]
        edge = " ".join([*plane.points(low), *reversed(plane.points(high))])
        parts.append(f'<polygon fill="{colour}" fill-opacity=".13" points="{edge}"/>')
    labels = _apart([plane.y(means[name][-1]) for name in named])
    looks = list(zip(named, COLOURS, DASHES, labels, strict=False))
    for name, colour, dash, label in reversed(looks):  # ours on top
        parts += _named_curve(plane, name, means[name], colour, dash, label)
    return drawing(860, 500, "Regret against the share of the budget, by method", parts)


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where regrets and shares of the budget lie in the drawing."""

    ticks: Sequence[float]
    """Of regret."""

    left: ClassVar = 60.0
    right: ClassVar = 560.0
    top: ClassVar = 60.0
    bottom: ClassVar = 440.0

    def x(self, share: float) -> float:
        part = math.log(share / SHARES[0]) / math.log(SHARES[-1] / SHARES[0])
        return self.left + (self.right - self.left) * part

    def y(self, regret: float) -> float:
        part = (regret - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return self.bottom - (self.bottom - self.top) * part

    def points(self, curve: Sequence[float]) -> list[str]:
        pairs = zip(SHARES, curve, strict=True)
        return [f"{self.x(share):.1f},{self.y(regret):.1f}" for share, regret in pairs]

    def axes(self) -> list[str]:
        middle = (self.left + self.right) / 2
        parts = [text(middle, self.bottom + 42, "share of the budget", anchor="middle")]
        for tick in self.ticks:
            parts.append(line(self.left, self.y(tick), self.right, self.y(tick), "grid"))
            parts.append(text(self.left - 8, self.y(tick) + 4, f"{tick:g}", anchor="end"))
        for share in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0):
            where = self.x(share), self.bottom + 20
            parts.append(text(*where, f"{share:.0%}", anchor="middle"))
        return parts


def _named_curve(
    plane: _Plane, name: str, curve: Sequence[float], colour: str, dash: str, label: float
) -> list[str]:
    """Return a curve and, at the height of its label, its name."""
    look = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
    end = f'x1="{plane.right}" y1="{plane.y(curve[-1]):.1f}"'
    return [
        f'<polyline fill="none" {look} points="{" ".join(plane.points(curve))}"/>',
        f'<line {end} x2="{plane.right + 22}" y2="{label:.1f}" stroke="{colour}"/>',
        text(plane.right + 28, label + 4, f"{name} {curve[-1]:.3f}"),
    ]


def forest(compared: Mapping[str, Comparison], ours: str, deliver: Deliver) -> str:
    """Return the drawing of our method's differences from the others, with 95 % intervals.

    A filled mark is a difference with a verdict, an empty one is not distinguishable.
    """
    order = sorted(compared, key=lambda name: compared[name].difference.mean)
    left, right, top = 260.0, 620.0, 70.0
    bounds = [
        bound for one in compared.values() for bound in (one.difference.low, one.difference.high)
    ]
    ticks = _ticks(min(0.0, *bounds), max(0.0, *bounds))
    bottom = top + (_LINE + 6) * len(order)

    def x(difference: float) -> float:
        return left + (right - left) * (difference - ticks[0]) / (ticks[-1] - ticks[0])

    title = f"{ours} minus each other method: regret of the {deliver}"
    parts = [text(16, 24, title, "title")]
    parts.append(text(16, 44, f"mean and 95 % interval; left of 0, {ours} is better", "faint"))
    for tick in ticks:
        parts.append(line(x(tick), top, x(tick), bottom, "zero" if tick == 0 else "grid"))
        parts.append(text(x(tick), bottom + 20, f"{tick:+g}" if tick else "0", anchor="middle"))
    for number, name in enumerate(order):
        one, y = compared[name], top + (_LINE + 6) * (number + 0.5)
        low, middle, high = (
            x(value) for value in (one.difference.low, one.difference.mean, one.difference.high)
        )
        parts += _interval(one.verdict, low, middle, high, y)
        parts.append(text(left - 14, y + 4, name, anchor="end"))
        parts.append(text(right + 16, y + 4, _said(one)))
    return drawing(960, int(bottom) + 40, title, parts)


def _interval(verdict: Verdict, low: float, middle: float, high: float, y: float) -> list[str]:
    """Return an interval with a mark on its mean. The line spares the mark, which may be empty."""
    colour = COLOURS[1] if verdict == "worse" else COLOURS[0]
    fill = "none" if verdict == "not distinguishable" else colour
    look = f'y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"'
    return [
        f'<line x1="{low:.1f}" x2="{max(low, middle - 5):.1f}" {look}/>',
        f'<line x1="{min(high, middle + 5):.1f}" x2="{high:.1f}" {look}/>',
        f'<circle cx="{middle:.1f}" cy="{y}" r="5" stroke="{colour}" stroke-width="2" '
        f'fill="{fill}"/>',
    ]


def _said(one: Comparison) -> str:
    found = one.difference
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {one.verdict}"


def _named(games: Games, ours: str, peers: Collection[str]) -> list[str]:
    """Return at most as many methods as there are colours: ours, the best peers, random drafts."""
    playing = games.keys() & set(peers) - {ours}
    yardstick = sorted(playing & {"random drafts"})
    best = sorted(playing - set(yardstick), key=lambda name: mean(games[name], CURVE[-1]))
    return [ours, *best[: len(COLOURS) - 1 - len(yardstick)], *yardstick]


def _units(rows: Sequence[Row]) -> list[list[float]]:
    """Return the mean curve of every task, or of a single task those of its games."""
    tasks: dict[str | float, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row["task"], []).append(row)
    if len(tasks) == 1:
        return [mean_curve([row]) for row in rows]
    return [mean_curve(of) for of in tasks.values()]


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from one not above ``low`` to one not below ``high``, at most 10."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    step = next(size * k for k in (0.2, 0.5, 1, 2) if (high - low) / (size * k) <= 8)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 9) for k in range(first, max(last, first + 1) + 1)]


def _apart(places: Sequence[float]) -> list[float]:
    """Return the places of labels moved down until no two overlap, in the order given."""
    moved = dict.fromkeys(range(len(places)), 0.0)
    lowest = -math.inf
    for number in sorted(moved, key=lambda number: places[number]):
        moved[number] = lowest = max(places[number], lowest + _LINE)
    return list(moved.values())


if __name__ == "__main__":
    main()
