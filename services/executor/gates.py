"""Looks at what a run is about to be trained on, before a step is paid for. Pure.

A wrong loss mask fails nothing: it trains for hours on the wrong tokens, or teaches a model never
to stop. So tokens are counted first, and a run whose counts make no sense is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.run import Tokenised
from shared.errors import DataFailed


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of each sample, one number a sample."""

    tokens: Sequence[int]
    """Of prompt and answers, as far as they fit."""
    trained: Sequence[int]
    """Of these, tokens that the loss counts; 0 of a sample whose prompt alone is too long."""
    ends: Sequence[bool]
    """Whether every answer is whole, its end included."""


def trainable(counts: Counts, tokenizer: Any, max_length: int) -> Tokenised:
    """Return what became of the samples; those of which the loss says nothing are left out.

    Args:
        counts: of all samples.
        tokenizer: that made them.
        max_length: that they were cut to.

    Raises:
        DataFailed: no completion, or no end of one, is within ``max_length``; or prompts are
            trained on too.
    """
    kept = [place for place, trained in enumerate(counts.trained) if trained]
    if not kept:
        raise DataFailed(
            f"wanted completions within max_length {max_length}, found that every prompt fills it; "
            "raise limits.max_length or filter long prompts"
        )
    cut = sum(not counts.ends[place] for place in kept)
    if cut == len(kept):
        raise DataFailed(
            f"wanted completions that end within max_length {max_length}, found that all {cut} go "
            "on beyond it, so that a model would learn never to stop; raise limits.max_length or "
            "filter long completions"
        )
    tokens = sum(counts.tokens[place] for place in kept)
    trained = sum(counts.trained[place] for place in kept)
    if trained == tokens:
        raise DataFailed(
            "wanted prompts beside the completions, found that every token is trained on; correct "
            "the mapping's prompt or the chat template, one of which writes nothing"
        )
    return Tokenised(
        samples=len(kept),
        too_long=len(counts.trained) - len(kept),
        cut=cut,
        trained_share=trained / tokens,
        chat_template=hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest(),
    )
