"""Drops samples that were seen before."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

from shared.rows import Sample


def deduplicate(
    samples: Iterable[Sample], *, by: Literal["prompt", "sample"] = "prompt"
) -> Iterator[Sample]:
    """Yield the first sample of each group of equal ones, in order.

    Two samples are equal when their prompts (``prompt``), or their prompts and completions
    (``sample``), agree after case folding and collapsing white space. System messages are not
    compared: a recipe has only one. Lazy: holds a 16-byte digest for each group, never the samples.
    """
    seen: set[bytes] = set()
    for sample in samples:
        parts = (sample.prompt,) if by == "prompt" else (sample.prompt, sample.completion)
        digest = _digest(parts)
        if digest not in seen:
            seen.add(digest)
            yield sample


def _digest(parts: tuple[str, ...]) -> bytes:
    # A line feed cannot be inside a folded part, so no text can cross from one part to the other.
    folded = "\n".join(" ".join(part.casefold().split()) for part in parts)
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()
