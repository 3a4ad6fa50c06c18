"""Makes columns of the parts of one column."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.executor.operators.columns import value_of
from services.executor.operators.judging import Tally
from shared.rows import Row


def extract(
    rows: Iterable[Row], *, column: str, pattern: str, path: Path, tally: Tally
) -> Iterator[Row]:
    """Yield the rows in whose column the pattern is found, its named groups as further columns.

    A group that took no part in the match becomes a column without a value. The others' rows are
    dropped, and so are those whose column has no value. ``path`` is where the rows come from, for
    messages.

    Raises:
        DataFailed: a row lacks the column.
    """
    compiled = re.compile(pattern)
    for row in tally.arriving(rows):
        value = value_of(row, column, path)
        found = None if value is None else compiled.search(str(value))
        if found is None:
            tally.dropped[f"no match in {column}"] += 1
        else:
            tally.rows_out += 1
            yield Row(row.number, {**row.columns, **found.groupdict()}, row.file)
