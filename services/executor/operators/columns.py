"""How operators on rows look at one column."""

from pathlib import Path
from typing import Any

from shared.errors import DataFailed
from shared.formats import place_of
from shared.rows import Row


def value_of(row: Row, column: str, path: Path) -> Any:
    """Return a column's value, which may be None.

    Raises:
        DataFailed: the row has no such column.
    """
    try:
        return row.columns[column]
    except KeyError:
        raise DataFailed(
            f"{place_of(row.file or path, row.number)}: wanted a column {column!r}, found "
            f"{', '.join(map(repr, row.columns)) or 'no columns'}; correct the row or the operator"
        ) from None
