"""Turns samples into token ids exactly as the server will see them.

Prompt and completion are tokenised apart and joined, so the ids of the prompt are those that a
server computes from the prompt alone. Needs a tokenizer, not torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import DataFailed
from shared.rows import Sample


@dataclass(frozen=True, slots=True)
class Example:
    """One tokenised sample, cut to the longest length allowed."""

    prompt: list[int]
    completion: list[int]
    """What the loss counts; empty when the prompt alone is too long."""
    ends: bool
    """Whether the completion is whole, its end included."""


def tokenise(samples: Sequence[Sample], tokenizer: Any, max_length: int) -> list[Example]:
    """Return one example a sample, in order; completions end with the end-of-sequence token.

    Raises:
        DataFailed: the chat template writes a prompt differently once it is answered.
    """
    prompts = prompt_texts(samples, tokenizer)
    completions = [
        _completion(sample, prompt, tokenizer)
        for sample, prompt in zip(samples, prompts, strict=True)
    ]
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    completion_ids = tokenizer(completions, add_special_tokens=False)["input_ids"]
    return [
        _example(before, after, tokenizer.eos_token_id, max_length)
        for before, after in zip(prompt_ids, completion_ids, strict=True)
    ]


def prompt_texts(samples: Sequence[Sample], tokenizer: Any) -> list[str]:
    """Return each prompt as the chat template writes it, up to where the answer begins."""
    return [
        tokenizer.apply_chat_template(s.messages(), add_generation_prompt=True, tokenize=False)
        for s in samples
    ]


def _completion(sample: Sample, prompt: str, tokenizer: Any) -> str:
    answered = [*sample.messages(), {"role": "assistant", "content": sample.completion}]
    whole: str = tokenizer.apply_chat_template(answered, tokenize=False)
    if not whole.startswith(prompt):
        raise DataFailed(
            "wanted a chat template that leaves the prompt as it is once it is answered, found "
            f"{prompt[-40:]!r} before and {whole[: len(prompt)][-40:]!r} after; "
            "use a template without hidden thinking in it"
        )
    return whole[len(prompt) :]


def _example(prompt: list[int], completion: list[int], eos: int, max_length: int) -> Example:
    whole = completion if eos in completion else [*completion, eos]
    kept = whole[: max(0, max_length - len(prompt))]
    return Example(prompt[:max_length], kept, eos in kept)
