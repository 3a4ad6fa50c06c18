"""How operators that look at one row or sample at a time drop it, and how every operator counts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from shared.contracts.run import Dropped, Origin, RowCount
from shared.rows import Sample

T = TypeVar("T")

MAX_NAMED = 1000
"""Samples of one operator that are listed; more of them nobody reads."""

Judge: TypeAlias = Callable[[Sample], str | None]
"""Says in a few words why a sample is dropped; None keeps it."""


@dataclass(slots=True)
class Tally:
    """What one operator did so far."""

    operator: str
    rows_in: int = 0
    rows_out: int = 0
    unchanged: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    made: int = 0
    tokens: int = 0

    def arriving(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, counting them in."""
        for item in items:
            self.rows_in += 1
            yield item

    def leaving(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, counting them out."""
        for item in items:
            self.rows_out += 1
            yield item

    def count(self) -> RowCount:
        """Return what was counted."""
        dropped = sorted((+self.dropped).items(), key=lambda one: (-one[1], one[0]))
        return RowCount(
            operator=self.operator,
            rows_in=self.rows_in,
            rows_out=self.rows_out,
            unchanged=self.unchanged,
            dropped=tuple(Dropped(why=why, samples=samples) for why, samples in dropped),
            named=tuple(self.named),
            origins=tuple(self.origins),
            made=self.made,
            tokens=self.tokens,
        )


def judged(items: Iterable[T], judge: Callable[[T], str | None], tally: Tally) -> Iterator[T]:
    """Yield the items that the judge keeps, in order, and count the others by its reasons."""
    for item in items:
        tally.rows_in += 1
        why = judge(item)
        if why is None:
            tally.rows_out += 1
            yield item
        else:
            tally.dropped[why] += 1


def drawn(
    items: Iterable[T], draw: Callable[[Iterator[T]], Iterator[T]], tally: Tally, why: str
) -> Iterator[T]:
    """Yield the items that ``draw`` passes on and count the others by one reason."""
    yield from tally.leaving(draw(tally.arriving(items)))
    tally.dropped[why] = tally.rows_in - tally.rows_out


def naming(judge: Judge, tally: Tally) -> Judge:
    """Return the judge, but the first `MAX_NAMED` samples it drops are listed by file and row."""

    def judging(sample: Sample) -> str | None:
        why = judge(sample)
        if why is not None and len(tally.named) < MAX_NAMED:
            tally.named.append(f"{sample.source}:{sample.row}")
        return why

    return judging
