"""Makes a nano base model from any text: small enough to pre-train on a laptop while you wait.

The model is a Qwen3 of about a million parameters with a byte-level tokenizer in which every digit
is a token, so whatever knows Qwen3 trains and serves it. Demos and tests fine-tune it where no
downloaded model is at hand.

    python -m services.executor.nano TEXT --out DIR
"""

import argparse
import math
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging as transformers_logging

from shared.errors import Rejected

PAD = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Qwen's own pattern: a loader that rebuilds the tokenizer from its class gets the same tokens.
_QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TOKENIZER_DOCUMENTS = 20_000
_CONTEXT_TOKENS = 1024
_BLOCK_TOKENS = 128
_HEAD_SIZE = 32
_TOKENIZED_AT_ONCE = 1_000
_WARM_UP = 0.05
_REPORT_EVERY_S = 5.0


def make_nano_base(
    text: Path,
    out: Path,
    *,
    progress: Callable[[str], None],
    seed: int = 0,
    steps: int = 700,
    batch_size: int = 8,
    learning_rate: float = 4e-3,
    vocabulary: int = 1024,
    hidden_size: int = 128,
    layers: int = 3,
) -> None:
    """Train a tokenizer and a model on a text, and write both as one model folder.

    A line with a tab in it is a conversation: what is asked, the tab, what is answered. Of the
    other lines every fourth becomes one, its second half the answer to its first, so that the
    marks of a chat mean something to the model whatever the text.

    The folder appears whole or not at all. Seeds torch's global generator.

    Args:
        text: UTF-8, one document a line; blank lines are skipped.
        out: the folder to make; nothing may be there yet.
        progress: told a sentence at the start, every five seconds, and at the last step.
        seed: the same seed, text and machine make the same model.
        steps: optimizer steps, at least 1, of `batch_size` blocks of 128 tokens.
        batch_size: blocks a step, at least 1.
        learning_rate: AdamW's highest, reached after a twentieth of the steps.
        vocabulary: tokens, at least 259: the 256 bytes and three marks. Short texts give fewer.
        hidden_size: a multiple of 32, the width of an attention head.
        layers: at least 1.

    Raises:
        Rejected: no text file, one that is not UTF-8 or has no documents, a size out of range, or
            something at `out`.
    """
    _check(out, steps, batch_size, vocabulary, hidden_size, layers)
    documents = _read_documents(text)
    random.Random(seed).shuffle(documents)
    torch.manual_seed(seed)

    tokenizer = _train_tokenizer(documents, vocabulary)
    blocks = _pack(documents, tokenizer, steps * batch_size)
    model = _new_model(tokenizer, hidden_size, layers)
    progress(
        f"{model.num_parameters():,} parameters, a vocabulary of {len(tokenizer)}, "
        f"{len(documents):,} documents"
    )
    _pretrain(
        model,
        blocks,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        progress=progress,
    )
    _save(model, tokenizer, out)


def main(argv: Sequence[str] | None = None) -> int:
    """Make a nano base model as the command line asks; return the exit status, 0 or 2."""
    parser = argparse.ArgumentParser(
        prog="python -m services.executor.nano",
        description="Pre-train a nano base model from a text file.",
    )
    parser.add_argument("text", type=Path, metavar="TEXT", help="UTF-8, one document a line")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    parser.add_argument("--steps", type=int, default=700, help="optimizer steps (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s unless given")
    asked = parser.parse_args(argv)
    try:
        make_nano_base(
            asked.text, asked.out, steps=asked.steps, seed=asked.seed, progress=_to_stderr
        )
    except Rejected as error:
        _to_stderr(str(error))
        return 2
    return 0


def _to_stderr(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _check(
    out: Path, steps: int, batch_size: int, vocabulary: int, hidden_size: int, layers: int
) -> None:
    if out.exists():
        raise Rejected(
            f"{out}: wanted to make this folder, found it there; move it or choose another"
        )
    if min(steps, batch_size, layers) < 1:
        raise Rejected(
            f"wanted at least 1 step, block a step and layer, found {steps}, {batch_size} and "
            f"{layers}; raise them"
        )
    if hidden_size < _HEAD_SIZE or hidden_size % _HEAD_SIZE:
        raise Rejected(
            f"wanted a hidden size that is a multiple of {_HEAD_SIZE}, found {hidden_size}; "
            "change it"
        )
    if vocabulary < 259:
        raise Rejected(f"wanted a vocabulary of at least 259 tokens, found {vocabulary}; raise it")


def _read_documents(text: Path) -> list[str]:
    """Return every document with its chat marks or its end mark."""
    if not text.is_file():
        raise Rejected(f"{text}: wanted a text file, found none; check the path")
    try:
        with text.open(encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError:
        raise Rejected(f"{text}: wanted UTF-8, found other bytes; save it as UTF-8") from None
    if not lines:
        raise Rejected(f"{text}: wanted one document a line, found none; give a file with text")
    return [_marked(line, as_chat=number % 4 == 0) for number, line in enumerate(lines)]


def _marked(line: str, *, as_chat: bool) -> str:
    asked, tab, answer = line.partition("\t")
    if not tab and as_chat:
        words = line.split()
        asked, answer = " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
    elif not tab:
        return line + PAD
    turns = (("user", asked), ("assistant", answer))
    return "".join(f"{TURN_START}{role}\n{said}{TURN_END}\n" for role, said in turns)


def _train_tokenizer(documents: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, TURN_START, TURN_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents[:_TOKENIZER_DOCUMENTS], trainer)
    # Generation stops at the end of a turn. Padding must be another token: losses ignore padding,
    # and a model whose end mark is ignored never learns to stop.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=PAD,
        model_max_length=_CONTEXT_TOKENS,
        chat_template=CHAT_TEMPLATE,
    )


def _pack(documents: list[str], tokenizer: PreTrainedTokenizerFast, wanted: int) -> torch.Tensor:
    """Lay documents end to end and cut them into `wanted` blocks, or fewer from a short text.

    Returns:
        `(2, blocks, 128)`, int64: tokens, and their positions. Positions start again at 0 with
        every document and every block; the model tells documents apart by them, and attention
        stays inside one. Without that, a million tokens are too few to learn to copy.
    """
    stream = _tokens_and_starts(documents, tokenizer)
    laid = list(islice(stream, wanted * _BLOCK_TOKENS))
    laid *= math.ceil(_BLOCK_TOKENS / len(laid))
    whole = len(laid) // _BLOCK_TOKENS
    tokens, starts = torch.tensor(laid[: whole * _BLOCK_TOKENS]).T.reshape(2, whole, _BLOCK_TOKENS)
    places = torch.arange(_BLOCK_TOKENS).expand_as(tokens)
    first = torch.where(starts == 1, places, 0).cummax(dim=1).values
    return torch.stack([tokens, places - first])


def _tokens_and_starts(
    documents: list[str], tokenizer: PreTrainedTokenizerFast
) -> Iterator[tuple[int, bool]]:
    """Yield every token with whether a document starts there."""
    for at in range(0, len(documents), _TOKENIZED_AT_ONCE):
        for document in tokenizer(documents[at : at + _TOKENIZED_AT_ONCE])["input_ids"]:
            yield from ((token, place == 0) for place, token in enumerate(document))


def _new_model(
    tokenizer: PreTrainedTokenizerFast, hidden_size: int, layers: int
) -> Qwen3ForCausalLM:
    heads = hidden_size // _HEAD_SIZE
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            intermediate_size=3 * hidden_size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            head_dim=_HEAD_SIZE,
            max_position_embeddings=_CONTEXT_TOKENS,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _pretrain(
    model: Qwen3ForCausalLM,
    blocks: torch.Tensor,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    progress: Callable[[str], None],
) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    order = torch.randperm(blocks.shape[1])
    began = told = time.monotonic()
    model.train()
    for step in range(1, steps + 1):
        turns = torch.arange((step - 1) * batch_size, step * batch_size)
        tokens, positions = blocks[:, order[turns % len(order)]]
        optimizer.param_groups[0]["lr"] = learning_rate * _rate(step / (steps + 1))
        loss = model(input_ids=tokens, labels=tokens, position_ids=positions, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        now = time.monotonic()
        if now - told >= _REPORT_EVERY_S or step == steps:
            told = now
            seconds_a_step = (now - began) / step
            progress(
                f"step {step} of {steps}: loss {loss.item():.3f}, "
                f"{tokens.numel() / seconds_a_step:,.0f} tokens a second, "
                f"{(steps - step) * seconds_a_step:.0f} s left"
            )


def _rate(done: float) -> float:
    """Return the learning rate as a share of the highest, in [0, 1]: a ramp, then a half cosine."""
    return min(done / _WARM_UP, 0.5 * (1 + math.cos(math.pi * done)))


def _save(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    transformers_logging.disable_progress_bar()
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        for file in unfinished.iterdir():
            file.chmod(0o644)  # safetensors writes for its owner alone; services may be others
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
