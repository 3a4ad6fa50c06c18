"""What an export is made of: a tool's own files, and what it cannot say."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.contracts.method import Qlora, Sft
from shared.contracts.recipe import Recipe
from shared.errors import Rejected
from shared.rows import Sample

TRAIN, HELD_OUT = "train.jsonl", "held_out.jsonl"
"""Names of the data files in every export."""

MEMORY = (
    "When memory runs out, open-trex starts again with smaller parts of the same batches. Here "
    "lower the batch size and raise the accumulation steps by hand."
)
TOKENS = (
    "open-trex tokenises prompt and answer apart and ends an answer with the end-of-sequence token "
    "where the chat template does not. Here they are tokenised as one: with some templates the "
    "tokens differ at these two places."
)
ORDER = (
    "The order of the samples is this tool's own, so losses agree with those of open-trex only as "
    "well as those of two seeds do."
)
CURRICULUM = (
    "curriculum: the samples lie in its order, from easy to hard, but are trained on in this "
    "tool's own."
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A recipe in the words of one tool."""

    files: dict[str, str]
    """File name to its text."""

    row: Callable[[Sample], dict[str, Any]]
    """Writes a sample as the tool reads it."""

    notes: tuple[str, ...]
    """What the tool cannot express, a sentence or two each."""

    command: str
    """What to type in the folder to train."""


def exportable(recipe: Recipe) -> Sft:
    """Return the recipe's method.

    Raises:
        Rejected: it is another than supervised fine-tuning, or of a base model held in 4 bits.
    """
    if not isinstance(recipe.method, Sft) or isinstance(recipe.adapter, Qlora):
        raise Rejected(
            "wanted a recipe of method sft with adapter full or lora, found "
            f"{recipe.method.kind} with {recipe.adapter.kind}; no other can be exported"
        )
    return recipe.method


def inexpressible(recipe: Recipe, known: set[str]) -> tuple[str, ...]:
    """Return a note for each setting of the method that a tool has no word for.

    And one for a curriculum, of whose order a tool knows nothing.
    """
    method = exportable(recipe)
    settings = (
        f"{name}: {value} has no equivalent here and is left out."
        for name, value in method
        if name not in {*known, "kind"} and value != type(method).model_fields[name].default
    )
    return (CURRICULUM, *settings) if recipe.keeps_order else tuple(settings)


def commented(notes: tuple[str, ...]) -> str:
    """Return notes as the comment a file begins with."""
    return "".join(
        textwrap.fill(note, 100, initial_indent="# ", subsequent_indent="#   ") + "\n"
        for note in notes
    )
