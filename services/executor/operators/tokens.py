"""Keeps samples whose lengths in tokens are within bounds."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from services.executor.chat_tokens import tokenise
from services.executor.operators.judging import Tally
from shared.contracts.operators import Tokens
from shared.errors import DataFailed
from shared.rows import Sample

_BATCH = 1000  # a tokenizer takes many texts at once faster than one by one


def within_tokens(samples: Iterable[Sample], wanted: Tokens, tally: Tally) -> Iterator[Sample]:
    """Yield the samples within both bounds, in order; the bounds themselves are within.

    Tokens are counted as training counts them, see `chat_tokens.tokenise`: with the chat template
    and the end of the answer. Of two answers the longer one counts; without any, the prompt alone.
    Lazy: holds a thousand samples.

    Raises:
        DataFailed: no tokenizer is found, it has no chat template or its code came from the hub,
            or as `tokenise`.
    """
    tokenizer = _tokenizer(wanted.tokenizer)
    arriving = tally.arriving(samples)
    while some := list(islice(arriving, _BATCH)):
        for sample, length in zip(some, _lengths(some, tokenizer), strict=True):
            if length > wanted.max_tokens:
                tally.dropped["too many tokens"] += 1
            elif length < wanted.min_tokens:
                tally.dropped["too few tokens"] += 1
            else:
                tally.rows_out += 1
                yield sample


def _lengths(samples: Sequence[Sample], tokenizer: Any) -> list[int]:
    worse = [replace(one, completion=one.rejected or one.completion) for one in samples]
    lengths = _of_one_answer(samples, tokenizer)
    if worse == samples:
        return lengths
    return list(map(max, lengths, _of_one_answer(worse, tokenizer)))


def _of_one_answer(samples: Sequence[Sample], tokenizer: Any) -> list[int]:
    examples = tokenise(samples, tokenizer, sys.maxsize)
    return [
        len(example.prompt) + (len(example.completion) if sample.completion else 0)
        for sample, example in zip(samples, examples, strict=True)
    ]


def _tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise DataFailed(
            f"tokens: wanted a tokenizer at {name!r}, found none "
            f"({str(error).splitlines()[0]}); correct tokenizer"
        ) from None
    if not tokenizer.chat_template:
        raise DataFailed(
            f"tokens: wanted a chat template in the tokenizer of {name!r}, found none; name that "
            "of an instruction-tuned model"
        )
    return tokenizer
