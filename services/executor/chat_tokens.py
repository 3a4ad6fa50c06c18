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
    """One tokenised sample."""

    input_ids: list[int]
    """Prompt, then completion, cut to the longest length allowed."""

    completion_mask: list[int]
    """1 where the loss counts, 0 on the prompt; as long as ``input_ids``."""


def tokenise(samples: Sequence[Sample], tokenizer: Any, max_length: int) -> list[Example]:
    """Return one example a sample, in order; completions end with the end-of-sequence token.

    Raises:
        DataFailed: no chat template, or one that writes a prompt differently once it is answered.
    """
    if not tokenizer.chat_template:
        raise DataFailed(
            f"wanted a chat template in the tokenizer of {tokenizer.name_or_path!r}, found none; "
            "use an instruction-tuned base, or add chat_template.jinja to its folder"
        )
    prompts = [
        tokenizer.apply_chat_template(s.messages(), add_generation_prompt=True, tokenize=False)
        for s in samples
    ]
    completions = [
        _completion(sample, prompt, tokenizer)
        for sample, prompt in zip(samples, prompts, strict=True)
    ]
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    completion_ids = tokenizer(completions, add_special_tokens=False)["input_ids"]
    eos = tokenizer.eos_token_id
    return [
        _example(before, after if eos in after else [*after, eos], max_length)
        for before, after in zip(prompt_ids, completion_ids, strict=True)
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


def _example(prompt: list[int], completion: list[int], max_length: int) -> Example:
    mask = [0] * len(prompt) + [1] * len(completion)
    return Example((prompt + completion)[:max_length], mask[:max_length])
