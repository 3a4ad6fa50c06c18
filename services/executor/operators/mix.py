"""Puts samples of several sources together in a proportion."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from shared.rows import Sample


def quotas(sizes: Sequence[int], weights: Sequence[float], temperature: float | None) -> list[int]:
    """Return how many samples to take of each source, so that none is taken twice.

    As many as possible in proportion to ``weight * size ** (1 / temperature)``, or to the weights
    alone without a temperature; at least one of each. At 1 the sources are mixed by their sizes,
    the higher it is the more alike they count.

    Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer", 2020, section 3.5.2.
    """
    power = 0.0 if temperature is None else 1 / temperature
    wanted = [weight * size**power for size, weight in zip(sizes, weights, strict=True)]
    scale = min(size / share for size, share in zip(sizes, wanted, strict=True))
    return [
        min(size, max(1, round(scale * share))) for size, share in zip(sizes, wanted, strict=True)
    ]


def interleaved(sources: Sequence[Iterable[Sample]], sizes: Sequence[int]) -> Iterator[Sample]:
    """Yield all samples of sources of given sizes, each source in its order and spread evenly."""
    placed = [_placed(source, size) for source, size in zip(sources, sizes, strict=True)]
    return (sample for _, sample in heapq.merge(*placed, key=itemgetter(0)))


def _placed(source: Iterable[Sample], size: int) -> Iterator[tuple[float, Sample]]:
    for place, sample in enumerate(source):
        yield (place + 0.5) / size, sample
