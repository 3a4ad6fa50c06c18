"""What a model is asked, and how rows to train on go wrong.

Pure: the same generator state gives the same rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
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


def no_text_twice(make: Callable[[Random], Item], rng: Random) -> Iterator[Item]:
    """Yield made items for ever, leaving out those whose text was there before."""
    seen: set[str] = set()
    while True:
        item = make(rng)
        if item.text not in seen:
            seen.add(item.text)
            yield item


def write_gists(path: Path, fresh: Iterator[Item], count: int) -> None:
    """Write so many texts, each with its gist, as what a base model is pre-trained on."""
    lines = [f"{one.text}\t{one.gist}" for one in islice(fresh, count)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def picked(words: Sequence[str], rng: Random, *, falling: float) -> str:
    """Return a word; each is ``falling`` times as likely as the one before."""
    return rng.choices(words, [falling**place for place in range(len(words))])[0]


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
