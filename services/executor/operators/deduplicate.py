"""Drops samples that were seen before."""

import hashlib
from typing import Literal

from services.executor.operators.judging import Judge
from services.executor.operators.texts import asked_and_answered
from shared.rows import Sample


def deduplicate(*, by: Literal["prompt", "sample"] = "prompt") -> Judge:
    """Return a judge that keeps the first sample of each group of equal ones.

    Two samples are equal when all that was said before their answers (``prompt``), or that and the
    answers (``sample``), agree after case folding and collapsing white space. Holds a 16-byte
    digest for each group, never the samples.
    """
    seen: set[bytes] = set()

    def judge(sample: Sample) -> str | None:
        digest = _digest(asked_and_answered(sample, by))
        if digest in seen:
            return "seen before"
        seen.add(digest)
        return None

    return judge


def _digest(parts: list[str]) -> bytes:
    # A line feed cannot be inside a folded part, so no text can cross from one part to the other.
    folded = "\n".join([" ".join(part.casefold().split()) for part in parts])
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()
