"""The task `orders`: what is wanted, how many, and where? Read from a sentence, written as JSON.

Pure: the same generator state gives the same rows. An order names a number of things and a room, in
words of which some are rare, and may first name a number that the speaker takes back. Things stand
in the singular. An answer has three keys in a fixed order and the usual words, such as
``{"count":2,"item":"lamp","room":"hall"}``.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.search.fttable.item import Flaws, Item, no_text_twice, picked

COUNTS: dict[int, tuple[str, ...]] = {
    1: ("one", "a single", "just one"),
    2: ("two", "a pair of", "a couple of"),
    3: ("three", "a trio of", "3"),
    4: ("four", "a quartet of", "4"),
    5: ("five", "a handful of", "5"),
    6: ("six", "half a dozen", "6"),
}
"""Numbers, and how speakers put them."""

ITEMS: dict[str, tuple[str, ...]] = {
    "lamp": ("lamp", "light", "lantern"),
    "chair": ("chair", "seat", "stool"),
    "table": ("table", "desk", "bench"),
    "shelf": ("shelf", "bookcase", "rack"),
    "rug": ("rug", "carpet", "mat"),
}
"""Things, and what speakers call them."""

ROOMS: dict[str, tuple[str, ...]] = {
    "hall": ("hall", "entrance", "corridor"),
    "kitchen": ("kitchen", "galley", "pantry"),
    "bedroom": ("bedroom", "guest room", "dormitory"),
    "office": ("office", "study", "library"),
    "garden": ("garden", "terrace", "yard"),
}
"""Rooms, and what speakers call them."""

_COLOURS = ("red", "blue", "white", "black")
_SENTENCES = (
    "{said} for the {room} please",
    "we need {said} in the {room}",
    "for the {room} send {said}",
    "the {room} is short of {said}",
    "{other} no sorry {said} for the {room}",
    "for the {room} we have {other} and want {said}",
)
_pick = partial(picked, falling=0.5)
_BASE_LINES = 5000


def orders(rng: random.Random) -> Iterator[Item]:
    """Yield orders for ever, no text twice."""
    return no_text_twice(_order, rng)


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write orders with their slots named in words, and JSON that has two keys instead of three."""
    lines = []
    for number, one in enumerate(islice(fresh, _BASE_LINES)):
        lines.append(f"{one.text}\t{one.gist}")
        if number % 4 == 0:
            lines.append(_label(number))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _label(number: int) -> str:
    """Return what stands on a box: every key is known, but not three of them together."""
    count = list(COUNTS)[number % len(COUNTS)]
    item, room = list(ITEMS)[number % len(ITEMS)], list(ROOMS)[number % len(ROOMS)]
    labels: tuple[dict[str, int | str], ...] = (
        {"item": item, "count": count},
        {"count": count, "room": room},
        {"item": item, "room": room},
    )
    return _json(labels[number % 3])


def _order(rng: random.Random) -> Item:
    count = rng.choice(list(COUNTS))
    item, room = rng.choice(list(ITEMS)), rng.choice(list(ROOMS))
    many, thing, where = _pick(COUNTS[count], rng), _pick(ITEMS[item], rng), _pick(ROOMS[room], rng)
    other = rng.choice([number for number in COUNTS if number != count])
    colour = f"{rng.choice(_COLOURS)} " if rng.random() < 0.5 else ""
    text = rng.choice(_SENTENCES).format(
        said=f"{many} {colour}{thing}", room=where, other=_pick(COUNTS[other], rng)
    )
    return Item(text, _answer(count, item, room), f"{count} item {item} room {room}")


def _answer(count: int, item: str, room: str) -> str:
    return _json({"count": count, "item": item, "room": room})


def _json(of: dict[str, int | str]) -> str:
    return json.dumps(of, separators=(",", ":"))


def _mixed_up(order: Item, rng: random.Random) -> Item:
    """Return an order with one thing wrong: the number, the item or the room."""
    right = json.loads(order.answer)
    slots: dict[str, list[int | str]] = {
        "count": [*COUNTS],
        "item": [*ITEMS],
        "room": [*ROOMS],
    }
    key = rng.choice(list(slots))
    wrong = rng.choice([word for word in slots[key] if word != right[key]])
    return replace(order, answer=_json({**right, key: wrong}))


FLAWS = Flaws(spoil=_mixed_up, share=0.1, repeated=12, repeats=10, repeated_share=0.75)
"""One key wrong; most of the orders that were written down again and again are."""
