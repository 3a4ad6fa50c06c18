"""Lets a model in memory answer as a scorer would: greedily, with nothing of its own settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

Ids = list[int]


def answer(model: Any, tokenizer: Any, prompts: Sequence[Ids], *, new_tokens: int) -> list[Ids]:
    """Return the ids of a greedy answer to each prompt, padded behind its end."""
    padded = _padded(prompts, tokenizer, model, side="left")
    with _at_rest(model):
        whole = model.generate(
            **padded,
            max_new_tokens=new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    said: list[Ids] = whole[:, padded["input_ids"].shape[1] :].tolist()
    return said


def weigh(
    model: Any, tokenizer: Any, prompts: Sequence[Ids], answers: Sequence[Ids]
) -> list[float]:
    """Return the mean log-probability of a token of each answer to each prompt, in nats."""
    wholes = [prompt + said for prompt, said in zip(prompts, answers, strict=True)]
    padded = _padded(wholes, tokenizer, model, side="right")
    with _at_rest(model):
        logits = model(**padded).logits[:, :-1].float()  # (batch, tokens - 1, vocabulary)
    tokens = padded["input_ids"][:, 1:, None]
    log = torch.log_softmax(logits, dim=-1).gather(-1, tokens)[..., 0]
    return [
        float(log[row, len(prompt) - 1 : len(whole) - 1].mean())
        for row, (prompt, whole) in enumerate(zip(prompts, wholes, strict=True))
    ]


def _padded(ids: Sequence[Ids], tokenizer: Any, model: Any, *, side: str) -> Any:
    padded = tokenizer.pad({"input_ids": list(ids)}, padding_side=side, return_tensors="pt")
    return padded.to(model.device)


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Inside, have the model neither learn nor drop anything out."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
