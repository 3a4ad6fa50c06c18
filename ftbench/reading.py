"""Reading the formats that benchmarks come in, with errors that name the file and the record."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shared.errors import DataFailed


def read_json(path: Path) -> Any:
    """Return a file's parsed JSON.

    Raises:
        DataFailed: it is no UTF-8 or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataFailed(
            f"{path}: wanted a JSON file, found one that cannot be parsed ({error}); fetch it again"
        ) from None


def read_json_rows(path: Path, columns: Iterable[str]) -> list[dict[str, Any]]:
    """Return the objects of a JSON list, each with at least the given keys.

    Raises:
        DataFailed: as `read_json`; or no list of objects, or an object without one of the keys.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataFailed(
            f"{path}: wanted a JSON list of objects, found {type(rows).__name__}; fetch it again"
        )
    for number, row in enumerate(rows, start=1):
        need(row, columns, f"{path} record {number}")
    return rows


def need(row: Any, columns: Iterable[str], where: str) -> Mapping[str, Any]:
    """Return the row if it is an object that has the columns.

    Raises:
        DataFailed: it is not; the message names the place and the first column missing.
    """
    if not isinstance(row, Mapping):
        raise DataFailed(
            f"{where}: wanted an object, found {type(row).__name__}; is it the right file?"
        )
    for column in columns:
        if column not in row:
            raise DataFailed(
                f"{where}: wanted {column!r}, found {', '.join(map(repr, row)) or 'nothing'}; "
                "is it the published file?"
            )
    return row
