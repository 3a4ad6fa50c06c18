"""Reads the training rows once and the base model's headers, and writes the brief."""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from shared.contracts.brief import Brief, BriefRequest, TaskType
from shared.errors import DataFailed
from shared.rows import Sample, read_samples, sha256_of_files

MAX_LABELS = 50
"""More distinct completions than this are answers rather than labels."""

LONG = 800
"""Characters of a text that has some paragraphs."""

SENTENCES = 100
"""Characters of a text that has a sentence or two."""

_MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format itself


def study(request: BriefRequest) -> Brief:
    """Return the counts of one pass over the training rows, with a summary for people.

    Holds 16 bytes for each distinct prompt and no rows. Completions count as labels when at most
    `MAX_LABELS` are distinct and each is used twice on average; a dozen free answers are no labels.

    Raises:
        DataFailed: as `shared.rows.read_samples`, or as `count_parameters`, or an answer that is
            missing or was judged bad.
    """
    path = Path(request.train)
    prompts: set[bytes] = set()
    prompt_chars: Counter[int] = Counter()
    completion_chars: Counter[int] = Counter()
    labels: Counter[str] = Counter()
    rows = 0
    for sample in read_samples(path, request.mapping):
        _refuse_what_cannot_be_learned(sample)
        rows += 1
        prompts.add(_fingerprint(sample.prompt))
        prompt_chars[len(sample.prompt)] += 1
        completion_chars[len(sample.completion)] += 1
        if len(labels) <= MAX_LABELS:
            labels[sample.completion.strip()] += 1
    if len(labels) > min(MAX_LABELS, rows / 2):
        labels.clear()
    brief = Brief(
        summary="",
        train_sha256=sha256_of_files(path),
        rows=rows,
        duplicate_share=1 - len(prompts) / rows,
        prompt_chars_p95=_percentile(prompt_chars, 0.95),
        completion_chars_p95=_percentile(completion_chars, 0.95),
        base_parameters=count_parameters(Path(request.base_model)),
        labels=len(labels),
        task_type=task_type(len(labels), prompt_chars, completion_chars),
    )
    return brief.model_copy(update={"summary": _summary(request, brief, labels)})


def task_type(labels: int, prompt_chars: Counter[int], completion_chars: Counter[int]) -> TaskType:
    """Return what kind of answer is wanted, as far as counts can tell; mostly they cannot.

    A few labels are a classification. A long prompt with an answer of at most a quarter of it, and
    yet of some sentences, is a summary; a long answer to a prompt of at most a quarter of it is
    free generation. Both are judged by medians.

    Args:
        labels: distinct answers where they are few enough to be labels, else 0.
        prompt_chars: how many prompts have which length.
        completion_chars: how many answers have which length.
    """
    if labels > 1:
        return "classification"
    prompt, answer = _percentile(prompt_chars, 0.5), _percentile(completion_chars, 0.5)
    if prompt >= LONG and SENTENCES <= answer <= prompt / 4:
        return "summarisation"
    if answer >= LONG and prompt <= answer / 4:
        return "generation"
    return "other"


def _refuse_what_cannot_be_learned(sample: Sample) -> None:
    # Found out here and not in every run: the rules propose nothing else.
    if sample.fault:
        raise DataFailed(
            f"{sample.place}: wanted a right answer to learn, found "
            f"{sample.fault}; the rules propose supervised fine-tuning alone, so give rows with "
            "right answers, or carry out a recipe of your own with `trex run recipe.yaml`"
        )


def count_parameters(folder: Path) -> int | None:
    """Return how many weights a model folder holds, read from its headers alone.

    None when it is no local folder or has no ``model*.safetensors``.

    Raises:
        DataFailed: a file that does not begin with a safetensors header.
    """
    files = sorted(folder.glob("model*.safetensors")) if folder.is_dir() else []
    count = sum(
        math.prod(tensor["shape"])
        for file in files
        for name, tensor in _header(file).items()
        if name != "__metadata__"
    )
    return count or None


def _header(file: Path) -> dict[str, Any]:
    """Source: the safetensors format: 8 bytes little-endian length, then that much JSON."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        raw = stream.read(length) if length <= _MAX_HEADER_BYTES else b""
    try:
        header = json.loads(raw)
    except ValueError:  # bytes that are not UTF-8 are one too
        header = None
    if not isinstance(header, dict):
        raise DataFailed(
            f"{file}: wanted a safetensors header, found none in the first {length} bytes; "
            "fetch the base model again"
        )
    return header


def _fingerprint(prompt: str) -> bytes:
    folded = " ".join(prompt.casefold().split())
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()


def _percentile(counts: Counter[int], share: float) -> int:
    """Return the smallest value that at least this share of the rows does not exceed."""
    wanted = share * counts.total()
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return max(counts)


def _summary(request: BriefRequest, brief: Brief, labels: Counter[str]) -> str:
    parts = [
        f"{brief.rows:,} training rows, "
        + (
            f"{brief.duplicate_share:.1%} of them with a prompt seen before"
            if brief.duplicate_share
            else "no prompt twice"
        ),
        f"95 % of the prompts have at most {brief.prompt_chars_p95:,} characters, "
        f"of the answers at most {brief.completion_chars_p95:,}",
    ]
    if labels:
        label, count = labels.most_common(1)[0]
        parts.append(
            f"the answers are {len(labels)} labels, the most frequent one {label[:40]!r} with "
            f"{count / brief.rows:.0%} of the rows, which is what always saying it would score"
        )
    parts.append(f"answers are judged by {request.metric}")
    if brief.base_parameters is None:
        parts.append("the size of the base model is unknown, its weights are not at hand")
    else:
        parts.append(f"the base model has {_short(brief.base_parameters)} weights")
    return "; ".join(parts) + "."


def _short(count: int) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if count >= size:
            return f"{count / size:.1f} {name}"
    return str(count)
