"""Reads the rows of the files a recipe names, and only if they still are those files."""

from collections.abc import Iterator
from pathlib import Path

from shared.errors import DataFailed
from shared.rows import Row, read_rows, sha256_of_files


def load(path: Path, sha256: str) -> Iterator[Row]:
    """Yield the rows of a file, or of all files of a pattern, in order.

    Raises:
        DataFailed: `shared.rows.sha256_of_files` is another, or as `shared.rows.read_rows`.
    """
    found = sha256_of_files(path)
    if found != sha256:
        raise DataFailed(
            f"{path}: wanted the data with SHA-256 {sha256[:12]}…, found {found[:12]}…, so it "
            "changed since the recipe was written; restore it or submit a new job"
        )
    yield from read_rows(path)
