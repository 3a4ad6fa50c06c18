"""Every recipe of the table: one point of a grid, and the `Recipe` that it stands for."""

from itertools import product
from pathlib import Path
from typing import Any

from shared.contracts.mapping import Templates
from shared.contracts.method import Adapter, FullTuning, Lora, Sft
from shared.contracts.operators import Deduplicate, Load, Map, Operator, Sample
from shared.contracts.recipe import Recipe
from shared.rows import sha256_of

AXES: dict[str, tuple[Any, ...]] = {
    "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "epochs": (1, 2, 4),
    "share": (0.25, 0.5, 1.0),
    "adapter": ("lora", "full"),
    "deduplicate": (False, True),
    "batch_size": (8, 32),
}
"""What is varied: five learning rates, passes over the rows, share of the rows, ..."""

ORDERED = frozenset({"learning_rate", "epochs", "share", "batch_size"})
"""Axes whose levels stand in an order."""

Point = tuple[int, ...]
"""A level of each axis."""

LEVELS: Point = tuple(len(levels) for levels in AXES.values())
"""How many levels each axis has; a smaller grid has only the first few of some."""

DEFAULT: Point = (1, 1, 2, 0, 0, 0)
"""What one gets without searching: LoRA at 1e-3, two passes over all rows as they are."""


def points_of(levels: Point) -> tuple[Point, ...]:
    """Return every point of a grid that has so many levels of each axis."""
    return tuple(product(*(range(count) for count in levels)))


def settings(point: Point) -> dict[str, Any]:
    """Return a point's values by axis."""
    return {name: levels[level] for (name, levels), level in zip(AXES.items(), point, strict=True)}


def recipe(
    point: Point, *, seed: int, base: Path, train: Path, column: str, max_length: int
) -> Recipe:
    """Return the recipe that a point and a seed stand for.

    Args:
        point: a level of each axis.
        seed: of the run.
        base: folder of the base model.
        train: rows to train on, each a ``text`` and an answer.
        column: what the answers are called there.
        max_length: tokens of a row, at most.
    """
    chosen = settings(point)
    data: list[Operator] = [
        Load(path=str(train), sha256=sha256_of(train)),
        Map(mapping=Templates(prompt="{text}", completion=f"{{{column}}}")),
    ]
    if chosen["deduplicate"]:
        data.append(Deduplicate())
    if chosen["share"] < 1:
        data.append(Sample(share=chosen["share"]))
    adapter: Adapter = Lora(r=16, lora_alpha=32) if chosen["adapter"] == "lora" else FullTuning()
    return Recipe(
        base_model=str(base),
        data=tuple(data),
        method=Sft(
            learning_rate=chosen["learning_rate"],
            num_train_epochs=chosen["epochs"],
            per_device_train_batch_size=chosen["batch_size"],
            max_length=max_length,
        ),
        adapter=adapter,
        seed=seed,
    )
