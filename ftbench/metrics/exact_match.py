"""Exact match: the answer is the reference."""

from collections.abc import Sequence


def exact_match(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return 1.0 for each answer equal to its reference, else 0.0. Higher is better.

    Surrounding white space is stripped from both; nothing else is forgiven: case, punctuation and
    inner white space count.

    Raises:
        ValueError: not one reference for each answer.
    """
    return [
        float(answer.strip() == reference.strip())
        for answer, reference in zip(answers, references, strict=True)
    ]
