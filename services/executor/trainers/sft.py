"""Supervised fine-tuning: the model learns the completions."""

from collections.abc import Sequence
from typing import Any

from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from services.executor.chat_tokens import tokenise
from services.executor.trainers.order import Ordered
from services.executor.trainers.tokens import Columns
from shared.contracts.method import Sft
from shared.errors import DataFailed
from shared.rows import Sample

_UNTRAINED = -100  # what torch's cross-entropy leaves out


def columns(samples: Sequence[Sample], tokenizer: Any, max_length: int) -> Columns:
    """Return token ids and labels; the loss does not count the prompt.

    Raises:
        DataFailed: an answer that is missing or was judged bad, or as `tokenise`.
    """
    for one in samples:
        _refuse_what_is_no_example(one)
    examples = tokenise(samples, tokenizer, max_length)
    return {
        "input_ids": [one.prompt + one.completion for one in examples],
        "labels": [[_UNTRAINED] * len(one.prompt) + one.completion for one in examples],
        "tokens": [len(one.prompt) + len(one.completion) for one in examples],
        "trained": [len(one.completion) for one in examples],
        "ends": [one.ends for one in examples],
    }


def build(method: Sft, arguments: dict[str, Any], parts: dict[str, Any]) -> Trainer:
    """Return a trainer of what the method says, and else as the arguments say."""
    prepared = {"skip_prepare_dataset": True}
    args = SFTConfig(
        **arguments,
        loss_type=method.loss_type,
        max_length=method.max_length,
        dataset_kwargs=prepared,
        include_num_input_tokens_seen="non_padding",
    )
    return _Trainer(args=args, **parts)


def _refuse_what_is_no_example(one: Sample) -> None:
    if one.fault:
        raise DataFailed(
            f"{one.place}: wanted an answer to learn, found {one.fault}; use "
            "another method than sft, or rows with right answers alone"
        )


class _Trainer(Ordered, SFTTrainer):
    pass
