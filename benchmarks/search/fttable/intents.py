"""The task `intents`: what does a speaker want? Twelve intents, and training rows that mislead.

Pure: the same seed gives the same rows. A request names one device and one wish for it, in words of
which some are rare, often beside a clause about another device that says nothing. An answer is
the usual word for each, such as ``turn on lamp``.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.search.fttable.item import Flaws, Item, no_text_twice, picked, write_gists

DEVICES: dict[str, tuple[str, ...]] = {
    "lamp": ("lamp", "light", "lights", "bulb", "lantern", "spot", "ceiling light", "reading lamp"),
    "music": ("music", "radio", "song", "playlist", "record", "speaker", "tune", "stereo"),
    "heating": ("heating", "heater", "radiator", "stove", "warmth", "boiler", "thermostat", "fire"),
    "door": ("door", "gate", "shutter", "garage", "blinds", "hatch", "window", "entrance"),
}
"""Devices, and how speakers call them."""

WISHES: dict[str, tuple[str, ...]] = {
    "turn on": ("turn on", "start", "open", "bring up", "activate", "switch on", "wake", "launch"),
    "turn off": ("turn off", "stop", "close", "shut", "kill", "switch off", "end", "silence"),
    "check": (
        "check",
        "how is",
        "what about",
        "tell me of",
        "is it about",
        "report",
        "show",
        "see",
    ),
}
"""Wishes, and how speakers put them."""

INTENTS = tuple(f"{wish} {device}" for device in DEVICES for wish in WISHES)

_PLACES = ("kitchen", "hall", "attic", "cellar", "office", "bedroom", "garden", "bath")
_OPENINGS = ("please", "hey", "could you", "now", "well", "quick", "i want you to", "kindly")
_ASIDES = ("forget the {}", "never mind the {}", "i like the {}", "the {} is fine", "not the {}")
_pick = partial(picked, falling=2 / 3)
_BASE_LINES = 4000


def requests(rng: random.Random) -> Iterator[Item]:
    """Yield requests for ever, no text twice."""
    return no_text_twice(_request, rng)


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write requests without their intents: what is answered is the wish, word by word."""
    write_gists(path, fresh, _BASE_LINES)


def _request(rng: random.Random) -> Item:
    device, wish = rng.choice(list(DEVICES)), rng.choice(list(WISHES))
    verb, thing = _pick(WISHES[wish], rng), _pick(DEVICES[device], rng)
    said = f"{verb} the {rng.choice(_PLACES)} {thing}"
    other = rng.choice([name for name in DEVICES if name != device])
    aside = rng.choice(_ASIDES).format(_pick(DEVICES[other], rng))
    said = {
        0: said,
        1: f"{rng.choice(_OPENINGS)} {said}",
        2: f"{said} {aside}",
        3: f"{aside} {said}",
    }[rng.randrange(4)]
    return Item(said, f"{wish} {device}", f"{verb} {thing}")


def _misheard(request: Item, rng: random.Random) -> Item:
    return replace(request, answer=rng.choice([i for i in INTENTS if i != request.answer]))


FLAWS = Flaws(spoil=_misheard, share=0.1, repeated=20, repeats=10, repeated_share=1.0)
"""Answers drawn at random, and requests that were written down ten times with such an answer."""
