"""What a method trains on, made of a recipe's samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from services.executor.pipeline import Materialised
from services.executor.trainers.tokens import Columns, to_train_on, tokens_of
from shared.contracts.recipe import Recipe
from shared.contracts.run import Tokenised
from shared.rows import Sample

TokenColumns = Callable[[Sequence[Sample], Any, int], Columns]
"""Makes a method's columns of samples, given the tokenizer and the longest length."""


@dataclass(frozen=True, slots=True)
class Material:
    """Rows for a trainer."""

    train: Dataset
    held_out: Dataset | None
    """To measure the loss on; None where none were set aside or the method has no such loss."""
    tokenised: Tokenised


def material_of(
    recipe: Recipe,
    data: Materialised,
    tokenizer: Any,
    columns: TokenColumns,
    *,
    data_share: float,
) -> Material:
    """Return tokenised rows, from the cache where they are.

    Args:
        recipe: what is trained.
        data: its samples.
        tokenizer: of its base model.
        columns: of its method.
        data_share: of the samples to train on.

    Raises:
        DataFailed: the samples do not fit the method or the longest length.
    """
    longest = recipe.method.max_length

    def tokenise(samples: Sequence[Sample]) -> Columns:
        return columns(samples, tokenizer, longest)

    name = f"{recipe.method.kind} {longest}"
    train, tokenised = to_train_on(
        tokens_of(data.train, tokenise, name=name, tokenizer=tokenizer),
        tokenizer,
        longest,
        share=data_share,
        seed=recipe.seed,
    )
    held_out = None
    if data.held_out is not None:
        every = tokens_of(data.held_out, tokenise, name=name, tokenizer=tokenizer)
        fits = [at for at, trained in enumerate(every["trained"]) if trained]
        held_out = every.select(fits) if fits else None
    return Material(train, held_out, tokenised)
