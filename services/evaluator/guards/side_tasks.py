"""The questions of each side task, made the same way on any machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from shared.contracts.job import GUARD_ITEMS, GUARDS
from shared.errors import ScoringFailed

_WORDS = (
    *("anchor", "basket", "candle", "dragon", "engine", "forest", "garden", "hammer", "island"),
    *("jacket", "kettle", "ladder", "magnet", "needle", "orange", "pencil", "quiver", "rocket"),
    *("saddle", "tunnel", "umpire", "violin", "window", "yellow", "zipper"),
)
_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo", "Ida", "Jon", "Kim", "Leo")


class SideItem(NamedTuple):
    """A question of a side task."""

    prompt: str
    answer: str
    """What is right, as it is to be written."""


def side_items(name: str) -> list[SideItem]:
    """Return the questions of a side task.

    Raises:
        ScoringFailed: no such side task.
    """
    if name not in _MADE:
        raise ScoringFailed(f"wanted a side task, one of {', '.join(GUARDS)}, found {name!r}")
    return list(_MADE[name](Random(name)))


def _arithmetic(rng: Random) -> Iterator[SideItem]:
    for number in range(GUARD_ITEMS):
        a, b = rng.randrange(12, 100), rng.randrange(3, 12 if number % 4 == 3 else 100)
        sum_ = [f"{a} + {b}", f"{a + b} - {b}", f"{b} + {a}", f"{a} * {b}"][number % 4]
        right = [a + b, a, a + b, a * b][number % 4]
        yield SideItem(f"What is {sum_}? Answer with the number alone.", str(right))


def _copying(rng: Random) -> Iterator[SideItem]:
    for _ in range(GUARD_ITEMS):
        words = [rng.choice([*_WORDS, str(rng.randrange(1000))]) for _ in range(6)]
        line = f"{words[0]}-{words[1]} {words[2]}, {words[3]} ({words[4]}) {words[5]}!"
        yield SideItem(f"Repeat this line exactly and say nothing else:\n{line}", line)


def _json(rng: Random) -> Iterator[SideItem]:
    for _ in range(GUARD_ITEMS):
        name, age, word = rng.choice(_NAMES), rng.randrange(2, 90), rng.choice(_WORDS)
        example = json.dumps({"name": "Bo", "age": 7, "words": ["kite"]})
        prompt = (
            f"{name} is {age} years old and likes the word {word}. Write that as JSON on one line, "
            f"in the form of this example, and say nothing else:\n{example}"
        )
        yield SideItem(prompt, json.dumps({"name": name, "age": age, "words": [word]}))


def _knowledge(rng: Random) -> Iterator[SideItem]:
    lines = Path(__file__).with_name("knowledge.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        row = json.loads(line)
        choices = rng.sample([row["right"], *row["wrong"]], 4)
        listed = "\n".join(
            f"{letter}. {said}" for letter, said in zip("ABCD", choices, strict=True)
        )
        prompt = f"{row['question']}\n{listed}\nAnswer with the letter alone."
        yield SideItem(prompt, "ABCD"[choices.index(row["right"])])


def _sorting(rng: Random) -> Iterator[SideItem]:
    for _ in range(GUARD_ITEMS):
        words = rng.sample(_WORDS, 4)
        prompt = (
            "Put these words into alphabetical order. Answer with the words alone, with a comma "
            f"and a space between them: {', '.join(words)}"
        )
        yield SideItem(prompt, ", ".join(sorted(words)))


_MADE: dict[str, Callable[[Random], Iterator[SideItem]]] = {
    "arithmetic": _arithmetic,
    "copying": _copying,
    "json": _json,
    "knowledge": _knowledge,
    "sorting": _sorting,
}
