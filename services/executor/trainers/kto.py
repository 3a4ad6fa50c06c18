"""Kahneman-Tversky optimisation: the model learns from answers judged good or bad one by one."""

import random
from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl import KTOConfig, KTOTrainer

from services.executor.chat_tokens import tokenise
from services.executor.trainers.tokens import Columns
from shared.contracts.method import Kto
from shared.errors import DataFailed
from shared.rows import Sample


def columns(samples: Sequence[Sample], tokenizer: Any, max_length: int) -> Columns:
    """Return the ids of each prompt and answer, and whether it is good.

    Raises:
        DataFailed: nobody judged a sample, or all were judged alike.
    """
    judged = [_judged(sample) for sample in samples]
    if len(set(judged)) < 2:
        raise DataFailed(
            f"wanted good and bad answers, found that all {len(judged)} are "
            f"{'good' if judged[0] else 'bad'}; add the others or use the method sft"
        )
    examples = tokenise(samples, tokenizer, max_length)
    return {
        "prompt_ids": [one.prompt for one in examples],
        "completion_ids": [one.completion for one in examples],
        "label": judged,
        "tokens": [len(one.prompt) + len(one.completion) for one in examples],
        "trained": [len(one.completion) for one in examples],
        "ends": [one.ends for one in examples],
    }


def build(method: Kto, arguments: dict[str, Any], parts: dict[str, Any]) -> Trainer:
    """Return a trainer of what the method says, and else as the arguments say."""
    if arguments["train_sampling_strategy"] == "random":
        parts = parts | {"train_dataset": _shuffled(parts["train_dataset"], arguments["seed"])}
    args = KTOConfig(
        **arguments
        # Each answer is compared with that of the sample before it, so the order is fixed before.
        | {"train_sampling_strategy": "sequential"},
        beta=method.beta,
        desirable_weight=method.desirable_weight,
        undesirable_weight=method.undesirable_weight,
        max_length=method.max_length,
        include_num_input_tokens_seen="non_padding",
    )
    return _Trainer(args=args, **parts)


class _Trainer(KTOTrainer):
    def _prepare_dataset(self, dataset: Dataset, _: Any, args: KTOConfig, name: str) -> Dataset:
        """Set beside each answer another prompt's; all are tokenised already."""
        size = args.per_device_train_batch_size
        return dataset.map(_with_others, batched=True, batch_size=size)


def _shuffled(dataset: Dataset, seed: int) -> Dataset:
    places = list(range(len(dataset)))
    random.Random(f"order {seed}").shuffle(places)
    return dataset.select(places)


def _with_others(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    answers = batch["completion_ids"]
    return {"KL_completion_ids": [answers[-1], *answers[:-1]]}


def _judged(sample: Sample) -> bool:
    if sample.good is None:
        raise DataFailed(
            f"{sample.place}: wanted an answer judged good or bad, found no "
            "judgement; use judged data or the method sft"
        )
    return sample.good
