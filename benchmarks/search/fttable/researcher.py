"""Stand-ins for a researcher on the grid: one who guesses, and one with a textbook.

Both were written before the table was looked at.
"""

from random import Random

from benchmarks.search.fttable.grid import AXES, ORDERED, Point

_NAMES = tuple(AXES)
_TWO = 0.4  # share of changes that touch two axes


def any_point(levels: Point, rng: Random) -> Point:
    """Return a point drawn evenly from a grid with so many levels of each axis."""
    return tuple(rng.randrange(count) for count in levels)


def guess(point: Point, levels: Point, rng: Random) -> Point:
    """Return a point changed in one axis or two, ordered axes by one level."""
    varied = [name for name, count in zip(_NAMES, levels, strict=True) if count > 1]
    for axis in rng.sample(varied, 2 if rng.random() < _TWO else 1):
        point = _moved(point, axis, levels, rng)
    return point


def by_the_book(point: Point, levels: Point, rng: Random) -> Point:
    """Return a change that a textbook would try first.

    Clean data before anything else; adapters want a rate about ten times that of full tuning; when
    training briefly, use more rows or passes; otherwise a guess.
    """
    chosen = dict(zip(_NAMES, point, strict=True))
    count = dict(zip(_NAMES, levels, strict=True))
    more = [name for name in ("deduplicate", "share", "epochs") if chosen[name] < count[name] - 1]
    advice = [{name: chosen[name] + 1} for name in more]
    usual_rate = 3 if chosen["adapter"] == 0 else 1
    if chosen["learning_rate"] != usual_rate:
        towards = 1 if chosen["learning_rate"] < usual_rate else -1
        advice.append({"learning_rate": chosen["learning_rate"] + towards})
    if not advice or rng.random() < 0.3:
        return guess(point, levels, rng)
    return tuple((chosen | rng.choice(advice)).values())


def _moved(point: Point, axis: str, levels: Point, rng: Random) -> Point:
    at = _NAMES.index(axis)
    count, level = levels[at], point[at]
    if axis in ORDERED:
        others = [near for near in (level - 1, level + 1) if 0 <= near < count]
    else:
        others = [other for other in range(count) if other != level]
    return (*point[:at], rng.choice(others), *point[at + 1 :])
