"""Group-relative policy optimisation: the model learns from the rewards of its own answers."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl import GRPOConfig, GRPOTrainer

from ftbench.metrics.by_name import graded
from services.executor.chat_tokens import prompt_texts
from services.executor.operators.sample import sample
from services.executor.pipeline import Materialised, read_materialised
from services.executor.trainers.material import Material
from shared.contracts.job import MetricName
from shared.contracts.method import Grpo
from shared.contracts.recipe import Recipe
from shared.contracts.run import Tokenised
from shared.errors import DataFailed
from shared.rows import Sample

Reward = Callable[..., list[float | None]]  # TRL also takes None, for no reward


def material_of(
    recipe: Recipe, method: Grpo, data: Materialised, tokenizer: Any, *, data_share: float
) -> Material:
    """Return prompts with the answers by which the model's own are judged.

    Raises:
        DataFailed: no prompt leaves room for an answer, or a sample has none to judge by.
    """
    every = list(sample(read_materialised(data.train), share=data_share, seed=recipe.seed))
    ids = tokenizer(prompt_texts(every, tokenizer), add_special_tokens=False)["input_ids"]
    room = method.max_length - method.max_completion_length
    kept = [one for one, prompt in zip(every, ids, strict=True) if len(prompt) <= room]
    if not kept:
        raise DataFailed(
            f"wanted prompts of at most {room} tokens (max_length {method.max_length} less "
            f"{method.max_completion_length} for the answer), found none; raise limits.max_length"
        )
    for one in kept:
        _refuse_no_reference(one)
    columns = {
        "prompt": [one.messages() for one in kept],
        "reference": [one.completion for one in kept],
    }
    template = hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest()
    tokenised = Tokenised(
        samples=len(kept),
        too_long=len(every) - len(kept),
        cut=0,
        trained_share=None,
        chat_template=template,
    )
    return Material(Dataset.from_dict(columns), None, tokenised)


def build(
    method: Grpo, arguments: dict[str, Any], parts: dict[str, Any], references: Sequence[str]
) -> Trainer:
    """Return a trainer of what the method says, and else as the arguments say.

    Args:
        method: what to do.
        arguments: what all methods share.
        parts: model, data and callbacks.
        references: every right answer there is, which for labels says what labels there are.
    """
    args = GRPOConfig(
        **arguments,
        beta=method.beta,
        num_generations=method.num_generations,
        max_completion_length=method.max_completion_length,
        temperature=method.temperature,
        shuffle_dataset=arguments["train_sampling_strategy"] == "random",
    )
    reward = reward_of(MetricName(method.reward), references)
    return GRPOTrainer(args=args, reward_funcs=reward, **parts)


def reward_of(metric: MetricName, references: Sequence[str]) -> Reward:
    """Return a function of answers and their references, as TRL calls it, to rewards in [0, 1]."""
    # Labels are told from the references, so all there are must be there; twice, or the few of one
    # batch beside them would look like prose.
    labels = 2 * sorted(set(references)) if metric is MetricName.ACCURACY else []

    def reward(completions: list[Any], reference: list[str], **_: Any) -> list[float | None]:
        said = [completion[0]["content"] for completion in completions]
        return list(graded(metric, [*said, *labels], [*reference, *labels])[: len(said)])

    reward.__name__ = metric.value
    return reward


def _refuse_no_reference(one: Sample) -> None:
    if not one.completion.strip():
        raise DataFailed(
            f"{one.place}: wanted an answer to judge the model's own by, found "
            "none; add a reference to the mapping"
        )
