"""What answers the items of an evaluation, whatever runs the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.rows import Sample


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to one prompt."""

    text: str
    """Without special tokens."""

    cut: bool
    """Whether it was still talking when its tokens were used up."""


class Scorer(Protocol):
    """Generates answers, greedily: the same checkpoint gives the same answers."""

    @property
    def engine(self) -> str:
        """Names what generates, with version and device; stands beside every score."""
        ...

    def answer(
        self,
        checkpoint: str,
        base_model: str,
        prompts: Sequence[Sample],
        *,
        max_new_tokens: int,
        on_progress: Callable[[int], None],
    ) -> list[Answer]:
        """Return one answer a prompt, in order. The reference answers are never shown to the model.

        Args:
            checkpoint: folder of an adapter or a whole model, or a hub id.
            base_model: what an adapter is put on.
            prompts: what to answer.
            max_new_tokens: longest answer, in tokens.
            on_progress: called between batches with the number of prompts answered; what it raises
                stops the work.

        Raises:
            ScoringFailed: the model cannot be loaded, or a prompt does not fit into its context.
        """
        ...
