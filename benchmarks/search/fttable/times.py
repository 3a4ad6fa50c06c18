"""The task `times`: a time of day as people say it, to be written as ``19:15``.

Pure: the same generator state gives the same rows. Minutes are multiples of five; an hour is said
by twelve, with the part of the day beside it. Some speakers first name a time that they take back.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.search.fttable.item import Flaws, Item, no_text_twice, write_gists

_HOURS = (
    "twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven",
)  # fmt: skip
_MINUTES = {
    5: "five", 10: "ten", 15: "fifteen", 20: "twenty", 25: "twenty five", 30: "thirty",
    35: "thirty five", 40: "forty", 45: "forty five", 50: "fifty", 55: "fifty five",
}  # fmt: skip
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
    return no_text_twice(_time, rng)


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write times with hour and minutes as two numbers, and none of them as ``19:15``."""
    write_gists(path, fresh, _BASE_LINES)


def _time(rng: Random) -> Item:
    hour, minute = rng.randrange(24), 5 * rng.randrange(12)
    other = rng.choice([h for h in range(24) if h != hour]), 5 * rng.randrange(12)
    text = rng.choice(_SENTENCES).format(said=_said(hour, minute, rng), other=_said(*other, rng))
    return Item(text, f"{hour:02}:{minute:02}", f"{hour:02} {minute:02}")


def _said(hour: int, minute: int, rng: Random) -> str:
    """Return a time in words: by the clock's face or by its digits."""
    part = rng.choice(_PARTS[hour // 6 * 6])
    by_digits = f"{_HOURS[hour % 12]} {_MINUTES.get(minute, '')}".strip()
    return f"{_by_face(hour, minute) if rng.random() < 0.5 else by_digits} {part}"


def _by_face(hour: int, minute: int) -> str:
    """Return what the hands show: ``a quarter to six``."""
    if minute == 0:
        return f"{_HOURS[hour % 12]} sharp"
    if minute > 30:
        return f"{_hand(60 - minute)} to {_HOURS[(hour + 1) % 12]}"
    return f"{_hand(minute)} past {_HOURS[hour % 12]}"


def _hand(minutes: int) -> str:
    return {15: "a quarter", 30: "half"}.get(minutes) or _MINUTES[minutes]


def _twelve_hours_off(one: Item, rng: Random) -> Item:
    hour, minute = one.answer.split(":")
    return replace(one, answer=f"{(int(hour) + 12) % 24:02}:{minute}")


FLAWS = Flaws(spoil=_twelve_hours_off, share=0.1, repeated=12, repeats=10, repeated_share=0.5)
"""Morning and evening mixed up; half of the times that were written down again and again are."""
