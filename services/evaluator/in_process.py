"""Answers prompts with transformers in this process, for machines without a vLLM server.

The only module of the evaluator that imports torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from services.evaluator.scorer import Answer, Conversation, TooLong, Weighed
from services.evaluator.versions import version_of
from services.evaluator.weights import check_adapter_weights, check_whole
from shared.errors import ScoringFailed
from shared.telemetry.spans import span

TOKENS_PER_BATCH = 8192
"""Padded prompt and answer tokens of one batch: keeps memory bounded whatever the lengths."""

_HALF_CHARACTER = "\ufffd"
"""What bytes are decoded to that make no character."""


class TransformersScorer:
    """`services.evaluator.scorer.Scorer` with a model in this process."""

    def __init__(self) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        self._loaded: tuple[tuple[str | None, ...], Any] | None = None

    @property
    def engine(self) -> str:
        """See `services.evaluator.scorer.Scorer.engine`."""
        return f"transformers {transformers.__version__} {self._device}"

    def answer(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        *,
        max_new_tokens: int,
    ) -> Iterator[dict[int, Answer]]:
        """See `services.evaluator.scorer.Scorer.answer`."""
        with _loading(checkpoint):
            tokenizer = _tokenizer(checkpoint)
        ids = _prompt_ids(conversations, tokenizer)
        _refuse_too_long(ids, max_new_tokens, _context(checkpoint, base_model))
        model = self._model(checkpoint, base_model)
        _refuse_unknown(ids, model, checkpoint)
        for batch in _batches(ids, max_new_tokens):
            said = self._generate(model, tokenizer, [ids[i] for i in batch], max_new_tokens)
            yield dict(zip(batch, said, strict=True))

    def render(
        self,
        checkpoint: str,
        base_model: str,  # noqa: ARG002 - a checkpoint has its tokenizer beside it
        conversations: Sequence[Conversation],
    ) -> list[list[int]]:
        """See `services.evaluator.scorer.Scorer.render`."""
        with _loading(checkpoint):
            tokenizer = _tokenizer(checkpoint)
        return _prompt_ids(conversations, tokenizer)

    def weigh(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
    ) -> Iterator[dict[int, Weighed]]:
        """See `services.evaluator.scorer.Scorer.weigh`."""
        with _loading(checkpoint):
            tokenizer = _tokenizer(checkpoint)
        prompts = _prompt_ids(conversations, tokenizer)
        context = _context(checkpoint, base_model)
        _refuse_too_long(prompts, 1, context)
        said = tokenizer(list(answers), add_special_tokens=False)["input_ids"]
        whole = [
            (prompt + answer + [tokenizer.eos_token_id])[:context]
            for prompt, answer in zip(prompts, said, strict=True)
        ]
        model = self._model(checkpoint, base_model)
        _refuse_unknown(whole, model, checkpoint)
        for batch in _batches(whole, 0):
            found = self._weigh(model, tokenizer, [(prompts[i], whole[i]) for i in batch])
            yield dict(zip(batch, found, strict=True))

    def _weigh(
        self, model: Any, tokenizer: Any, pairs: list[tuple[list[int], list[int]]]
    ) -> list[Weighed]:
        """Return how the model finds what follows each prompt."""
        padded = tokenizer.pad(
            {"input_ids": [whole for _, whole in pairs]}, padding_side="right", return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits = model(**padded).logits  # (batch, tokens, vocabulary)
            return [_weighed(one, *pair) for one, pair in zip(logits, pairs, strict=True)]

    def _model(self, checkpoint: str, base_model: str) -> Any:
        """Return the model, the one in memory when it was asked for last."""
        # A folder may be written anew between two questions.
        name = (checkpoint, base_model, version_of(checkpoint), version_of(base_model))
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # two models may not fit
            adapter = checkpoint if _is_adapter(checkpoint) else None
            if adapter:
                check_adapter_weights(Path(checkpoint), base_model)
            else:
                check_whole(checkpoint)
            with _loading(checkpoint), span("load"):
                model = _model(base_model if adapter else checkpoint, adapter, self._dtype)
                self._loaded = name, model.to(self._device).eval()
        return self._loaded[1]

    def _generate(
        self, model: Any, tokenizer: Any, ids: list[list[int]], max_new_tokens: int
    ) -> list[Answer]:
        padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            whole = model.generate(
                **padded,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        new = whole[:, padded["input_ids"].shape[1] :]  # (batch, new tokens)
        texts = tokenizer.batch_decode(new, skip_special_tokens=True)
        ended = (new == tokenizer.eos_token_id).any(dim=1).tolist()
        return [
            Answer(text.rstrip(_HALF_CHARACTER), not over)
            for text, over in zip(texts, ended, strict=True)
        ]


def _weighed(logits: torch.Tensor, prompt: list[int], whole: list[int]) -> Weighed:
    """Return how a model finds what follows a prompt, from its logits (tokens, vocabulary).

    One answer at a time: the logits of a batch in full precision are many times a small model.
    """
    said = torch.tensor(whole[len(prompt) :], device=logits.device)
    expected = logits[len(prompt) - 1 : len(whole) - 1].float()
    return Weighed(-float(cross_entropy(expected, said, reduction="sum")), len(said))


@contextmanager
def _loading(checkpoint: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise ScoringFailed(
            f"wanted a model and its tokenizer at {checkpoint!r}, found none that loads "
            f"({str(error).splitlines()[0]}); check the folder and base_model"
        ) from None


def _is_adapter(checkpoint: str) -> bool:
    return (Path(checkpoint) / "adapter_config.json").is_file()


def _context(checkpoint: str, base_model: str) -> int:
    """Return the tokens the model takes at most, without loading its weights: they take long."""
    with _loading(checkpoint):
        whole = base_model if _is_adapter(checkpoint) else checkpoint
        return int(AutoConfig.from_pretrained(whole).max_position_embeddings)


def _tokenizer(checkpoint: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
    if not tokenizer.chat_template:
        raise ScoringFailed(
            f"wanted a chat template in the tokenizer of {checkpoint!r}, found none; "
            "use an instruction-tuned base, or add chat_template.jinja to its folder"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _model(whole: str, adapter: str | None, dtype: torch.dtype) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(whole, dtype=dtype)
    return (
        model if adapter is None else PeftModel.from_pretrained(model, adapter).merge_and_unload()
    )


def _prompt_ids(conversations: Sequence[Conversation], tokenizer: Any) -> list[list[int]]:
    texts = [
        tokenizer.apply_chat_template(list(one), add_generation_prompt=True, tokenize=False)
        for one in conversations
    ]
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def _refuse_too_long(ids: list[list[int]], max_new_tokens: int, context: int) -> None:
    tokens = {i: len(one) for i, one in enumerate(ids) if len(one) + max_new_tokens > context}
    if tokens:
        raise TooLong(tokens=tokens, context=context, max_new_tokens=max_new_tokens)


def _refuse_unknown(ids: list[list[int]], model: Any, checkpoint: str) -> None:
    known = int(model.get_input_embeddings().num_embeddings)
    highest = max(map(max, ids))
    if highest >= known:
        raise ScoringFailed(
            f"{checkpoint}: wanted tokens of the model's vocabulary of {known}, found one of id "
            f"{highest}; train with the base model's own tokenizer"
        )


def _batches(ids: list[list[int]], max_new_tokens: int) -> Iterator[list[int]]:
    """Yield the items' positions, longest first: little is padded, and memory peaks first."""
    batch: list[int] = []
    for i in sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i)):
        width = len(ids[batch[0] if batch else i]) + max_new_tokens
        if batch and width * (len(batch) + 1) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
