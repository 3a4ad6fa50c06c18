"""Reads the rows of the file a recipe names, and only if it still is that file."""

from collections.abc import Iterator
from pathlib import Path

from shared.errors import DataFailed
from shared.rows import Row, read_rows, sha256_of


def load(path: Path, sha256: str) -> Iterator[Row]:
    """Yield the rows of a file, in order.

    Raises:
        DataFailed: the file's bytes have another SHA-256, or as `shared.rows.read_rows`.
    """
    found = sha256_of(path)
    if found != sha256:
        raise DataFailed(
            f"{path}: wanted the file with SHA-256 {sha256[:12]}…, found {found[:12]}…, so it "
            "changed since the recipe was written; restore it or submit a new job"
        )
    yield from read_rows(path)
