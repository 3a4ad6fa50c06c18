"""Looks at what a run is about to be trained on, before a step is paid for. Pure.

A wrong loss mask fails nothing: it trains for hours on the wrong tokens, or teaches a model never
to stop. So tokens are counted first, and a run whose counts make no sense is refused.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from services.executor.chat_tokens import Example
from shared.contracts.run import Tokenised
from shared.errors import DataFailed


def trainable(
    examples: Sequence[Example], tokenizer: Any, max_length: int
) -> tuple[list[Example], Tokenised]:
    """Return the examples that the loss says something about, and what became of all of them.

    Args:
        examples: of all samples.
        tokenizer: that made them.
        max_length: that they were cut to.

    Raises:
        DataFailed: no completion, or no end of one, is within ``max_length``; or prompts are
            trained on too.
    """
    kept = [example for example in examples if 1 in example.completion_mask]
    if not kept:
        raise DataFailed(
            f"wanted completions within max_length {max_length}, found that every prompt fills it; "
            "raise limits.max_length or filter long prompts"
        )
    cut = sum(not _ends(example, tokenizer.eos_token_id) for example in kept)
    if cut == len(kept):
        raise DataFailed(
            f"wanted completions that end within max_length {max_length}, found that all {cut} go "
            "on beyond it, so that a model would learn never to stop; raise limits.max_length or "
            "filter long completions"
        )
    tokens = sum(len(example.input_ids) for example in kept)
    trained = sum(sum(example.completion_mask) for example in kept)
    if trained == tokens:
        raise DataFailed(
            "wanted prompts beside the completions, found that every token is trained on; correct "
            "the mapping's prompt or the chat template, one of which writes nothing"
        )
    return kept, Tokenised(
        samples=len(kept),
        too_long=len(examples) - len(kept),
        cut=cut,
        trained_share=trained / tokens,
        chat_template=hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest(),
    )


def shown(example: Example, tokenizer: Any, *, before: str, after: str) -> str:
    """Return an example as text, the tokens that the loss counts between two marks."""
    first = example.completion_mask.index(1)
    prompt = tokenizer.decode(example.input_ids[:first])
    completion = tokenizer.decode(example.input_ids[first:])
    return f"{prompt}{before}{completion}{after}"


def _ends(example: Example, stop: int) -> bool:
    return stop in example.input_ids[example.completion_mask.index(1) :]
