"""The tasks of the tables: what each asks, what a base knows of it, how its rows mislead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.search.fttable import dates, intents, orders, tags, times
from benchmarks.search.fttable.grid import LEVELS, Point
from benchmarks.search.fttable.item import Flaws, Item


@dataclass(frozen=True, slots=True)
class Task:
    """What a table is made of, as `benchmarks.search.fttable.ground` needs it."""

    items: Callable[[Random], Iterator[Item]]
    """Yields fresh items, no text twice; enough for the splits and the rows to train on."""

    write_base_text: Callable[[Path, Iterator[Item]], None]
    """Writes what the base model is pre-trained on; it may use fresh items, of no split."""

    flaws: Flaws
    """Of the rows to train on."""

    train_rows: int

    column: str
    """What the answers are called in the file of rows to train on."""

    base_steps: int
    """Steps of pre-training, eight blocks of 128 tokens each."""

    answer_tokens: int
    """What a model may write at most; longer than any right answer with its end."""

    levels: Point = LEVELS
    """Of each axis of the grid, how many are run."""

    max_length: int = 64
    """Tokens of a row to train on, at most."""


_SMALL: Point = (5, 3, 3, 2, 1, 1)
"""Duplicates are kept, and batches have 8 rows."""

TASKS: dict[str, Task] = {
    "intents": Task(
        items=intents.requests,
        write_base_text=intents.write_base_text,
        flaws=intents.FLAWS,
        train_rows=1200,
        column="intent",
        base_steps=600,
        answer_tokens=8,
    ),
    "dates": Task(
        items=dates.days,
        write_base_text=dates.write_base_text,
        flaws=dates.FLAWS,
        train_rows=640,
        column="iso",
        base_steps=1275,
        answer_tokens=12,
        levels=_SMALL,
    ),
    "orders": Task(
        items=orders.orders,
        write_base_text=orders.write_base_text,
        flaws=orders.FLAWS,
        train_rows=600,
        column="order",
        base_steps=1300,
        answer_tokens=16,
        levels=_SMALL,
    ),
    "times": Task(
        items=times.times,
        write_base_text=times.write_base_text,
        flaws=times.FLAWS,
        train_rows=640,
        column="time",
        base_steps=1300,
        answer_tokens=8,
        levels=_SMALL,
    ),
    "tags": Task(
        items=tags.reviews,
        write_base_text=tags.write_base_text,
        flaws=tags.FLAWS,
        train_rows=480,
        column="tag",
        base_steps=1300,
        answer_tokens=6,
        levels=_SMALL,
    ),
}
"""By name."""
