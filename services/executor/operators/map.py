"""Turns rows into conversations."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.contracts.mapping import Mapping
from shared.rows import Row, Sample, to_samples


def map_rows(rows: Iterable[Row], mapping: Mapping, path: Path) -> Iterator[Sample]:
    """Yield what there is to learn from each row. ``path`` is where they come from, for messages.

    Raises:
        DataFailed: a row that the mapping does not fit; see `shared.rows.to_samples`.
    """
    return (sample for row in rows for sample in to_samples(row, mapping, path))
