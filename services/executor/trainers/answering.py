"""Lets a model in memory answer as a scorer would: greedily, with nothing of its own settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

Ids = list[int]


def answer(model: Any, tokenizer: Any, prompts: Sequence[Ids], *, new_tokens: int) -> list[Ids]:
    """Return the ids of a greedy answer to each prompt, padded behind its end."""
    padded = _padded(prompts, tokenizer, model)
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


def weigh(model: Any, prompts: Sequence[Ids], answers: Sequence[Ids]) -> list[float]:
    """Return the mean log-probability of a token of each answer to each prompt, in nats.

    One after the other, and for the answer's tokens alone: what training holds leaves little room
    for a number for each word of a large vocabulary at each token of many prompts.
    """
    with _at_rest(model):
        return [
            _weigh_one(model, prompt, said) for prompt, said in zip(prompts, answers, strict=True)
        ]


def _weigh_one(model: Any, prompt: Ids, said: Ids) -> float:
    whole = torch.tensor([prompt + said], device=model.device)
    logits = model(input_ids=whole, logits_to_keep=len(said) + 1).logits[0, :-1].float()
    log = torch.log_softmax(logits, dim=-1)  # (tokens of the answer, vocabulary)
    return float(log.gather(-1, whole[0, -len(said) :, None]).mean())


def _padded(ids: Sequence[Ids], tokenizer: Any, model: Any) -> Any:
    padded = tokenizer.pad({"input_ids": list(ids)}, padding_side="left", return_tensors="pt")
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
