"""Keeps rows by the value of a column."""

from collections.abc import Callable, Collection
from pathlib import Path

from services.executor.operators.columns import value_of
from shared.contracts.operators import Fate
from shared.rows import Row


def where(
    column: str, values: Collection[str], fate: Fate, path: Path
) -> Callable[[Row], str | None]:
    """Return a judge of rows. ``path`` is where they come from, for messages.

    It raises:
        DataFailed: a row lacks the column.
    """
    wanted = frozenset(values)

    def judge(row: Row) -> str | None:
        value = value_of(row, column, path)
        if (str(value) in wanted and value is not None) == (fate == "keep"):
            return None
        return f"another {column}" if fate == "keep" else f"that {column}"

    return judge
