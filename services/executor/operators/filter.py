"""Drops samples that are too long to be worth training on."""

from collections.abc import Iterable, Iterator

from shared.rows import Sample


def filter_by_length(
    samples: Iterable[Sample], *, max_prompt_chars: int, max_completion_chars: int
) -> Iterator[Sample]:
    """Yield the samples within both bounds, in characters; the bounds themselves are within."""
    return (
        sample
        for sample in samples
        if len(sample.prompt) <= max_prompt_chars and len(sample.completion) <= max_completion_chars
    )
