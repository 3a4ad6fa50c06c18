"""Draws the ladder as SVG: how much more gets done, and what that costs in CPU."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scaling.window import Row, speed_up
from benchmarks.svg import COLOURS, drawing, line, text

SERVICES = ("planner", "researcher", "redis")

_TOP, _BOTTOM = 70.0, 400.0


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where values lie between two ends of the drawing."""

    low: float
    high: float
    begins: float
    ends: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.begins + (self.ends - self.begins) * part


def drawn(rows: Sequence[Row]) -> str:
    """Return the drawing of a ladder that begins with one executor."""
    title = "What more executors get done, on one planner"
    return drawing(980, 460, title, [*_times(rows), *_shares(rows)])


def _times(rows: Sequence[Row]) -> list[str]:
    """Return the training done a second in units of one executor's, both axes logarithmic."""
    most = math.log2(rows[-1].workers)
    x, y = _Axis(0, most, 60, 400), _Axis(0, most, _BOTTOM, _TOP)
    parts = [
        text(60, 24, "Training done, times one executor's", "title"),
        text(60, 44, "line: as many times as there are executors", "faint"),
        line(x(0), y(0), x(most), y(most), "zero"),
        *_executors(rows, x),
    ]
    for one, times in zip(rows, speed_up(rows), strict=True):
        at = math.log2(one.workers)
        where = x(at), y(math.log2(times))
        parts.append(f'<circle cx="{where[0]:.1f}" cy="{where[1]:.1f}" r="5" fill="{COLOURS[0]}"/>')
        parts.append(text(where[0] + 10, where[1] + 14, f"{times:.1f}"))
        parts.append(line(x(0), y(at), x(most), y(at), "grid"))
        parts.append(text(52, y(at) + 4, str(one.workers), anchor="end"))
    return parts


def _shares(rows: Sequence[Row]) -> list[str]:
    """Return the shares of one core that the services use, and of the executors' time lost."""
    lines = {name: [one.cpu[name] for one in rows] for name in SERVICES}
    lines["executors idle"] = [one.idle_share for one in rows]
    top = math.ceil(10 * max(map(max, lines.values()))) / 10
    x = _Axis(0, math.log2(rows[-1].workers), 540, 820)
    y = _Axis(0, top, _BOTTOM, _TOP)
    parts = [
        text(540, 24, "CPU used, shares of one core", "title"),
        text(540, 44, "and the share of the executors' time without training", "faint"),
        *_executors(rows, x),
    ]
    for tick in (0, top / 2, top):
        parts.append(line(540, y(tick), 820, y(tick), "grid"))
        parts.append(text(532, y(tick) + 4, f"{tick:.0%}", anchor="end"))
    below = -math.inf
    ends = sorted(zip(lines.items(), COLOURS, strict=False), key=lambda drawn: -drawn[0][1][-1])
    for (name, shares), colour in ends:
        places = [(x(math.log2(one.workers)), y(s)) for one, s in zip(rows, shares, strict=True)]
        points = [f"{across:.1f},{up:.1f}" for across, up in places]
        look = f'fill="none" stroke="{colour}" stroke-width="2"'
        parts.append(f'<polyline {look} points="{" ".join(points)}"/>')
        below = max(below + 18, y(shares[-1]))
        parts.append(text(828, below + 4, f"{name} {shares[-1]:.1%}"))
    return parts


def _executors(rows: Sequence[Row], x: _Axis) -> list[str]:
    middle = text((x.begins + x.ends) / 2, _BOTTOM + 42, "executors", anchor="middle")
    at = [(x(math.log2(one.workers)), str(one.workers)) for one in rows]
    return [middle, *(text(where, _BOTTOM + 20, said, anchor="middle") for where, said in at)]
