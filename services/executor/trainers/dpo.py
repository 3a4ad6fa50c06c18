"""Direct preference optimisation: the model learns to prefer the better of two answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl import DPOConfig, DPOTrainer

from services.executor.chat_tokens import tokenise
from services.executor.trainers.order import Ordered
from services.executor.trainers.tokens import Columns
from shared.contracts.method import Dpo
from shared.errors import DataFailed
from shared.rows import Sample


def columns(samples: Sequence[Sample], tokenizer: Any, max_length: int) -> Columns:
    """Return the ids of each prompt and of its two answers.

    Raises:
        DataFailed: a sample has one answer only.
    """
    worse = [_worse(sample) for sample in samples]
    pairs = list(
        zip(
            tokenise(samples, tokenizer, max_length),
            tokenise(worse, tokenizer, max_length),
            strict=True,
        )
    )
    return {
        "prompt_ids": [chosen.prompt for chosen, _ in pairs],
        "chosen_ids": [chosen.completion for chosen, _ in pairs],
        "rejected_ids": [rejected.completion for _, rejected in pairs],
        "tokens": [2 * len(c.prompt) + len(c.completion) + len(r.completion) for c, r in pairs],
        "trained": [len(c.completion) + len(r.completion) for c, r in pairs],
        "ends": [c.ends and r.ends for c, r in pairs],
    }


def build(method: Dpo, arguments: dict[str, Any], parts: dict[str, Any]) -> Trainer:
    """Return a trainer of what the method says, and else as the arguments say."""
    args = DPOConfig(
        **arguments,
        beta=method.beta,
        max_length=method.max_length,
        include_num_input_tokens_seen="non_padding",
    )
    return _Trainer(args=args, **parts)


class _Trainer(Ordered, DPOTrainer):
    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset  # tokenised already, as a server would


def _worse(sample: Sample) -> Sample:
    if sample.rejected is None:
        raise DataFailed(
            f"{sample.place}: wanted two answers to a prompt, a better and a "
            "worse one, found one; use preference data or the method sft"
        )
    return replace(sample, completion=sample.rejected)
