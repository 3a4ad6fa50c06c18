"""The task `times`: a time of day as people say it, to be written as ``19:15``.

Pure: the same generator state gives the same rows. Minutes are multiples of five; an hour is said
by twelve, with the part of the day beside it. Some speakers first name a time that they take back.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

from benchmarks.search.fttable.item import Flaws, Item

_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
_TENS = {15: "fifteen", 20: "twenty", 25: "twenty five", 30: "thirty", 35: "thirty five",
         40: "forty", 45: "forty five", 50: "fifty", 55: "fifty five"}  # fmt: skip
_PARTS = {
    0: ("at night", "after midnight"),
    6: ("in the morning", "before noon"),
    12: ("in the afternoon", "after lunch"),
    18: ("in the evening", "after dinner"),
}
"""By the hour from which a part of the day is meant, six hours each."""

_SENTENCES = (
    "{said}",
    "at {said} please",
    "wake me at {said}",
    "the train leaves at {said}",
    "we meet at {said} as always",
    "not at {other} but at {said}",
    "{other} no sorry {said}",
)
_BASE_LINES = 5000


def times(rng: Random) -> Iterator[Item]:
    """Yield said times for ever, no text twice."""
    seen: set[str] = set()
    while True:
        one = _time(rng)
        if one.text not in seen:
            seen.add(one.text)
            yield one


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write times with hour and minutes as two numbers, and none of them as ``19:15``."""
    lines = [f"{one.text}\t{one.gist}" for one in islice(fresh, _BASE_LINES)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _time(rng: Random) -> Item:
    hour, minute = rng.randrange(24), 5 * rng.randrange(12)
    other = rng.choice([h for h in range(24) if h != hour]), 5 * rng.randrange(12)
    text = rng.choice(_SENTENCES).format(said=_said(hour, minute, rng), other=_said(*other, rng))
    return Item(text, f"{hour:02}:{minute:02}", f"{hour:02} {minute:02}")


def _said(hour: int, minute: int, rng: Random) -> str:
    """Return a time in words: by the clock's face or by its digits."""
    part = rng.choice(_PARTS[hour // 6 * 6])
    this, following = _NUMBERS[hour % 12 or 12], _NUMBERS[(hour + 1) % 12 or 12]
    by_digits = f"{this} {_minutes(minute)}" if minute else this
    by_face = {
        0: f"{this} sharp",
        15: f"a quarter past {this}",
        30: f"half past {this}",
        45: f"a quarter to {following}",
    }.get(
        minute,
        f"{_minutes(minute)} past {this}"
        if minute < 30
        else f"{_minutes(60 - minute)} to {following}",
    )
    return f"{by_face if rng.random() < 0.5 else by_digits} {part}"


def _minutes(count: int) -> str:
    return _TENS[count] if count in _TENS else _NUMBERS[count]


def _twelve_hours_off(one: Item, rng: Random) -> Item:
    hour, minute = one.answer.split(":")
    return replace(one, answer=f"{(int(hour) + 12) % 24:02}:{minute}")


FLAWS = Flaws(spoil=_twelve_hours_off, share=0.1, repeated=12, repeats=10, repeated_share=0.5)
"""Morning and evening mixed up; half of the times that were written down again and again are."""
