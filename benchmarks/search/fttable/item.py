"""What a model is asked, and how rows to train on go wrong.

Pure: the same generator state gives the same rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Item:
    """A text with its right answer; in a row to train on, with the answer that stands there."""

    text: str
    answer: str
    gist: str = ""
    """What a base model learns to say to such a text, where that differs from text to text."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong with the rows to train on."""

    spoil: Callable[[Item, Random], Item]
    """Returns the item with a wrong answer."""

    share: float
    """Of the rows that stand there once, with a wrong answer."""

    repeated: int
    """Texts that a careless collector wrote down again and again."""

    repeats: int
    """How often each of them stands there, always with the same answer."""

    repeated_share: float
    """Of the repeated texts, with a wrong answer."""


def training_rows(fresh: Iterator[Item], flaws: Flaws, rng: Random, count: int) -> list[Item]:
    """Return rows to train on, made of fresh items and in no order."""
    once = count - flaws.repeated * flaws.repeats
    rows = [_spoilt(next(fresh), flaws, rng, flaws.share) for _ in range(once)]
    again = [_spoilt(next(fresh), flaws, rng, flaws.repeated_share) for _ in range(flaws.repeated)]
    rows += again * flaws.repeats
    rng.shuffle(rows)
    return rows


def _spoilt(item: Item, flaws: Flaws, rng: Random, share: float) -> Item:
    return item if rng.random() >= share else flaws.spoil(item, rng)
