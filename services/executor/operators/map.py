"""Turns rows into conversations."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.contracts.job import Mapping
from shared.rows import Row, Sample, to_sample


def map_rows(rows: Iterable[Row], mapping: Mapping, path: Path) -> Iterator[Sample]:
    """Yield one sample a row. ``path`` is where the rows come from, for messages.

    Raises:
        DataFailed: a row that the mapping does not fit; see `shared.rows.to_sample`.
    """
    return (to_sample(row, mapping, path) for row in rows)
