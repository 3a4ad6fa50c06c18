"""The task `tags`: which of eight tags does a review deserve?

Pure: the same generator state gives the same rows. A review judges one side of a purchase, for or
against, in words of which some are rare, sometimes by denying the opposite; beside it may stand a
clause on another side, which says nothing. An answer has the usual words, such as ``bad delivery``.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.search.fttable.item import Flaws, Item, no_text_twice, picked, write_gists

SIDES: dict[str, tuple[str, ...]] = {
    "price": ("price", "cost", "bill", "sum", "fee"),
    "make": ("make", "build", "material", "finish", "seam"),
    "delivery": ("delivery", "parcel", "courier", "shipment", "post"),
    "service": ("service", "staff", "clerk", "hotline", "support"),
}
"""What may be judged, and what reviewers call it."""

TAGS = tuple(f"{word} {side}" for side in SIDES for word in ("good", "bad"))

PRAISE = ("good", "great", "fine", "lovely", "splendid")
BLAME = ("bad", "poor", "awful", "dire", "dreadful")
_SENTENCES = (
    "the {side} is {word}",
    "{word} {side}",
    "i found the {side} {word}",
    "the {side} was {word} this time",
    "the {other} aside the {side} is {word}",
    "the {side} is {word} never mind the {other}",
    "others talk of the {other} i say {word} {side}",
)
_BUYERS = (
    "anna", "ben", "carla", "dan", "emma", "finn", "greta", "hugo", "ida", "jon", "kate", "leo",
    "mia", "nils", "olga", "paul",
)  # fmt: skip
_pick = partial(picked, falling=2 / 3)
_BASE_LINES = 5000


def reviews(rng: Random) -> Iterator[Item]:
    """Yield reviews for ever, no text twice."""
    return no_text_twice(_review, rng)


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write reviews with what is judged, and how, in the reviewer's own words."""
    write_gists(path, fresh, _BASE_LINES)


def _review(rng: Random) -> Item:
    side, against = rng.choice(list(SIDES)), rng.randrange(2)
    denied = rng.random() < 0.25
    word = _pick(BLAME if against != denied else PRAISE, rng)
    word = f"not {word}" if denied else word
    other = rng.choice([name for name in SIDES if name != side])
    thing = _pick(SIDES[side], rng)
    buyer = rng.choice(_BUYERS)
    text = rng.choice(_SENTENCES).format(side=thing, other=_pick(SIDES[other], rng), word=word)
    return Item(f"{buyer} {text}", f"{('good', 'bad')[against]} {side}", f"{word} {thing}")


def _mistaken(review: Item, rng: Random) -> Item:
    return replace(review, answer=rng.choice([tag for tag in TAGS if tag != review.answer]))


FLAWS = Flaws(spoil=_mistaken, share=0.1, repeated=10, repeats=10, repeated_share=0.75)
"""Another tag; most of the reviews that were written down again and again have one."""
