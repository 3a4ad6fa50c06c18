"""Which files a path means: the one it names, or all that fit a pattern."""

from glob import glob
from pathlib import Path

from shared.contracts.job import stored_rows
from shared.errors import DataFailed


def files_of(path: Path) -> dict[str, Path]:
    """Return the files a path means, in the order of their names, which are the keys.

    A path at which something lies is no pattern, and nor is one without ``*``, ``?`` and ``[``; it
    means itself, whether it is there or not. In ``data/**/*.jsonl`` the two asterisks stand for any
    number of folders. Hidden files fit no asterisk. Names are relative to the folder in which the
    pattern begins, so they are the same on every machine.

    Stored rows, ``store:SHA256/NAME``, are one file, fetched if this host has not got it.

    Raises:
        DataFailed: a pattern that no file fits, or rows that the store does not have.
    """
    stored = stored_rows(str(path))
    if stored is not None:
        from shared.artifacts.rows import file_of  # of a client that reads none nothing is wanted

        return {stored.file: file_of(stored)}
    if path.exists() or not is_pattern(path):
        return {path.name: path}
    base = next(folder for folder in path.parents if folder.is_dir())
    pattern = str(path.relative_to(base))
    names = sorted(glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207 - none hidden
    files = {name: base / name for name in names if (base / name).is_file()}
    if not files:
        raise DataFailed(
            f"{path}: wanted data files that fit this pattern, found none in {base}; correct it"
        )
    return files


def is_pattern(path: Path) -> bool:
    """Say whether a path could mean several files."""
    return any(sign in str(path) for sign in "*?[")
