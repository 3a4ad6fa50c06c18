"""Adds variants of samples, made by rule."""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import assert_never

from services.executor.operators.judging import Tally
from services.executor.operators.options import reordered
from shared.contracts.variation import Case, Casing, Options, Rule, Templates
from shared.rows import Sample

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BEGIN = re.compile(r"(?:\A|(?<=[.!?])\s+|\n)\W*\w")


def augment(
    samples: Iterable[Sample], rule: Rule, *, copies: int, seed: int, tally: Tally
) -> Iterator[Sample]:
    """Yield every sample and behind it up to ``copies`` variants with prompts of their own.

    Variants are of the same row and marked as copies; a copy gets none. A sample's row, its prompt
    and the seed decide how it is varied, so the same seed makes the same variants on every machine.
    Lazy: holds one sample and its variants.
    """
    for sample in tally.arriving(samples):
        variants = [] if sample.copy else _variants(sample, rule, copies, seed)
        tally.unchanged += not variants and not sample.copy
        yield from tally.leaving([sample, *variants])


def _variants(sample: Sample, rule: Rule, copies: int, seed: int) -> list[Sample]:
    # Of `random`, only `random()` promises the same numbers in every version of Python.
    draw = random.Random(f"augment {seed} {sample.row} {sample.prompt}").random
    return list(islice(_distinct(_varied(sample, rule, draw), sample), copies))


def _distinct(variants: Iterable[Sample], sample: Sample) -> Iterator[Sample]:
    seen = {sample.prompt}
    for variant in variants:
        if variant.prompt not in seen:
            seen.add(variant.prompt)
            yield replace(variant, copy=True)


def _varied(sample: Sample, rule: Rule, draw: Callable[[], float]) -> Iterator[Sample]:
    match rule:
        case Options():
            yield from reordered(sample, draw)
        case Casing(into=cases):
            for case in sorted(cases, key=lambda _: draw()):
                yield replace(sample, prompt=_written(sample.prompt, case))
        case Templates(templates=templates):
            for template in sorted(templates, key=lambda _: draw()):
                yield replace(sample, prompt=template.format(prompt=sample.prompt))
        case _:
            assert_never(rule)


def _written(text: str, case: Case) -> str:
    match case:
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case "title":
            return _WORD.sub(lambda word: word[0].capitalize(), text)
        case "sentence":
            return _BEGIN.sub(lambda begin: begin[0].upper(), text.lower())
