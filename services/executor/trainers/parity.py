"""Writes down what a model answers while it still is the object that was trained."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.executor.sample_files import spread_samples
from services.executor.trainers.answering import Ids, answer, weigh
from shared.contracts.method import Qlora
from shared.contracts.recipe import Recipe
from shared.errors import Diverged, TrainingFailed
from shared.parity import NEW_TOKENS, PARITY, Parity, Witness, weights_sha256
from shared.rows import Sample

WITNESSES = 32
"""Samples asked about: enough to tell a share of answers, few enough to cost seconds at most."""

_SHORT = 50
"""Characters left of the texts of a sample that is too long as a whole."""

_HALF_CHARACTER = "\ufffd"
"""What bytes are decoded to that make no character."""


@dataclass(frozen=True, slots=True)
class _Asked:
    messages: list[dict[str, str]]
    prompt: Ids
    reference: str
    answer: Ids
    """Of the reference, its end included."""

    @property
    def tokens(self) -> int:
        """Tokens of the longer answer that is computed, with its prompt."""
        return len(self.prompt) + max(len(self.answer), NEW_TOKENS)


def write_parity(
    model: Any,
    tokenizer: Any,
    samples: Path,
    recipe: Recipe,
    folder: Path,
    *,
    template_sha256: str,
    tokens_at_once: int,
) -> None:
    """Write beside a model's weights what it makes of up to `WITNESSES` of its training samples.

    Args:
        model: as it was trained, or as it was set back to.
        tokenizer: that it was trained with.
        samples: a file of a `Materialised`.
        recipe: what was trained.
        folder: where its weights are.
        template_sha256: of the chat template that samples were written with.
        tokens_at_once: in one forward pass of training, so that memory suffices here too.

    Raises:
        TrainingFailed: not even a shortened sample fits into the model's context.
        Diverged: the weights are such that nothing has a probability.
    """
    context = model.config.max_position_embeddings - 1  # vLLM adds a token to what it weighs
    asked = _all_asked(samples, tokenizer, recipe.method.max_length, context)
    at_once = max(1, tokens_at_once // max(one.tokens for one in asked))
    parity = Parity(
        weights_sha256=weights_sha256(folder),
        template_sha256=template_sha256,
        four_bits=isinstance(recipe.adapter, Qlora),
        witnesses=tuple(
            witness
            for at in range(0, len(asked), at_once)
            for witness in _witnesses(model, tokenizer, asked[at : at + at_once])
        ),
    )
    (folder / PARITY).write_text(parity.model_dump_json(indent=1), encoding="utf-8")


def _all_asked(samples: Path, tokenizer: Any, max_length: int, context: int) -> list[_Asked]:
    rooms = min(context, max_length + NEW_TOKENS), context
    found = (_asked(one, tokenizer, rooms) for one in spread_samples(samples, WITNESSES))
    asked = [one for one in found if one is not None]
    if not asked:
        raise TrainingFailed(
            f"wanted samples that leave room for an answer in the model's context of {context} "
            "tokens, found none even when shortened; use a base model with a longer context"
        )
    return asked


def _asked(sample: Sample, tokenizer: Any, rooms: tuple[int, int]) -> _Asked | None:
    """Return a sample as it is asked about: whole, or else shortened; None if neither fits."""
    whole = sample.messages(), sample.completion
    short = [{"role": "user", "content": sample.prompt[:_SHORT]}], sample.completion[:_SHORT]
    for (messages, reference), room in zip((whole, short), rooms, strict=True):
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        prompt, said = tokenizer([text, reference], add_special_tokens=False)["input_ids"]
        asked = _Asked(messages, prompt, reference, [*said, tokenizer.eos_token_id])
        if asked.tokens <= room:
            return asked
    return None


def _witnesses(model: Any, tokenizer: Any, asked: Sequence[_Asked]) -> Iterator[Witness]:
    prompts = [one.prompt for one in asked]
    weighed = weigh(model, prompts, [one.answer for one in asked])
    if not all(map(math.isfinite, weighed)):
        raise Diverged(
            "wanted weights that give answers a probability, found that they give NaN or zero; "
            "lower learning_rate or lengthen warm-up"
        )
    said = answer(model, tokenizer, prompts, new_tokens=NEW_TOKENS)
    texts = tokenizer.batch_decode(said, skip_special_tokens=True)
    for one, logprob, text in zip(asked, weighed, texts, strict=True):
        yield Witness(
            messages=tuple(one.messages),
            prompt=tuple(one.prompt),
            reference=one.reference,
            tokens=len(one.answer),
            logprob=logprob,
            answer=text.rstrip(_HALF_CHARACTER),
        )
