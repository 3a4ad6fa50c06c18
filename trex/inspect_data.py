"""What a data file suggests: which columns are prompt and completion, which metric, which limits.

Guesses that a person can correct in the job file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from shared.contracts.job import Limits, MetricName
from shared.contracts.mapping import Mapping
from shared.errors import DataFailed, Rejected
from shared.rows import Sample, read_rows, read_samples
from shared.shapes import detect, pair
from shared.suiting import p95, suggest_metric

LOOK_ROWS = 20_000
"""Rows that guesses are made from: the first ones."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to know about a file before a job is made of it."""

    mapping: Mapping
    metric: MetricName
    limits: Limits
    first: tuple[Sample, ...]
    """Up to five rows as the model will see them."""


def look_at(path: Path, *, prompt: str | None = None, completion: str | None = None) -> Sight:
    """Return what a data file suggests.

    Args:
        path: the rows to learn from.
        prompt: template of the prompt; None to guess it from the names of the columns.
        completion: template of the completion; None likewise.

    Raises:
        Rejected: the file cannot be read or has no rows, its shape is not known, or nothing in it
            can be scored against.
    """
    first: list[Sample] = []
    references: list[str] = []
    prompt_bytes: list[int] = []
    try:
        mapping = _mapping(path, prompt, completion)
        for sample in islice(read_samples(path, mapping), LOOK_ROWS):
            first.extend([sample] if len(first) < 5 else [])
            references.extend([sample.completion] if sample.fault is None else [])
            prompt_bytes.append(sum(len(said["content"].encode()) for said in sample.messages()))
    except DataFailed as error:
        raise Rejected(str(error)) from None
    if not references:
        raise Rejected(
            f"{path}: wanted right answers to choose a metric by, found none in "
            f"{len(prompt_bytes)} rows; give rows with answers"
        )
    metric = suggest_metric(references)
    limits = _limits(prompt_bytes, [len(reference.encode()) for reference in references])
    return Sight(mapping, metric, limits, tuple(first))


def _mapping(path: Path, prompt: str | None, completion: str | None) -> Mapping:
    rows = read_rows(path)
    if prompt is None and completion is None:
        return detect(rows, path)
    try:
        return pair(rows, path, prompt=prompt, completion=completion)
    except ValueError:
        raise Rejected(
            "--prompt and --completion: wanted templates with column names in braces such as "
            f"{{text}}, found {prompt!r} and {completion!r}; correct the braces"
        ) from None


def _limits(prompt_bytes: Sequence[int], completion_bytes: Sequence[int]) -> Limits:
    # Three bytes a token is on the safe side for most tokenizers and scripts; 8 for the end signs.
    answer = p95(completion_bytes) / 3 + 8
    whole = p95(prompt_bytes) / 3 + answer + 64
    return Limits(
        max_new_tokens=min(1024, max(32, 16 * math.ceil(answer / 16))),
        max_length=min(4096, max(256, 64 * math.ceil(whole / 64))),
    )
