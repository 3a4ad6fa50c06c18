"""The sealed vault: a folder with the rows that scores are measured on, for the evaluator alone.

Whoever submits a job puts its rows in and hands on a name that says nothing about where they lie.
"""

import os
import shutil
import tempfile
from pathlib import Path

from shared.contracts.job import sealed_rows
from shared.contracts.score import Split
from shared.data_files import files_of
from shared.errors import DataFailed
from shared.rows import sha256_of_files

PUBLIC_KEY = "key.pub"
"""File in a vault: what its evaluator's signatures are verified with, in hexadecimal digits."""

ANY = "any"
"""Where rows lie that may be scored as whatever split a job names them for."""


def make_vault(vault: Path) -> Path:
    """Return a vault that nobody but this user can enter, made where there was none."""
    vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault.chmod(0o700)
    return vault


def seal(path: Path, vault: Path, split: Split | None = None) -> str:
    """Copy a file, or all files of a pattern, into a vault and return their name, ``sealed:HASH``.

    The hash is `shared.rows.sha256_of_files` of the rows: sealing them again gives the same name.

    Args:
        path: of the rows; they stay where they are.
        vault: made where there is none.
        split: what they are scored as, and as nothing else: answers of dev are shown to the
            researcher, those of test must not be. None lets a job say.

    Raises:
        DataFailed: no such file, none that fits the pattern, or rows that lie in the vault under
            another ending, by which they would be read otherwise.
    """
    shelf = make_vault(vault) / "rows" / (split or ANY)
    shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf, prefix=".") as new:
        copy = _copied(path, Path(new) / "rows")
        name = sha256_of_files(copy if copy.is_file() else _all_of(copy))
        place = shelf / (name + _ending(path) if copy.is_file() else name)
        there = _found(shelf, name)
        if there is None:
            copy.rename(place)
        elif there != place:
            raise DataFailed(
                f"{path}: wanted rows that are new to the vault, found them in it as "
                f"*{_ending(there)}; give the file that ending"
            )
    return f"sealed:{name}"


def opened(data: str, vault: Path, split: Split) -> Path | None:
    """Return where sealed rows lie, or a pattern of their files; None for data of another kind.

    Raises:
        DataFailed: the vault does not hold them for this split; as `refuse_inside`.
    """
    name = sealed_rows(data)
    if name is None:
        refuse_inside(vault, data)
        return None
    for shelf in (vault / "rows" / split, vault / "rows" / ANY):
        found = _found(shelf, name)
        if found is not None:
            return _all_of(found) if found.is_dir() else found
    raise DataFailed(
        f"{data}: wanted rows that the evaluator's vault holds to be scored as {split}, found "
        f"none; seal them on its machine with `trex seal FILE --split {split}`"
    )


def refuse_inside(vault: Path, data: str) -> None:
    """Return unless a path leads into a vault, or another folder for the evaluator alone.

    By a name it is said as what rows may be scored, by a path it is not.

    Raises:
        DataFailed: it does; as `shared.data_files.files_of`.
    """
    inside = vault.resolve()
    if any(file.resolve().is_relative_to(inside) for file in files_of(Path(data)).values()):
        raise DataFailed(
            f"{data}: wanted rows by their name where the evaluator alone reads them, sealed:HASH "
            "or ftbench:TASK/SPLIT, found a path; give the name that `trex seal` printed"
        )


def _copied(path: Path, target: Path) -> Path:
    """Copy what a path means: one file to ``target`` with its ending, several below it."""
    files = files_of(path)
    if path in files.values():
        if not path.is_file():
            raise DataFailed(f"{path}: wanted a data file, found none; check the path")
        return _copy(path, target.with_name(target.name + _ending(path)))
    for name, file in files.items():
        _copy(file, target / name)
    return target


def _copy(file: Path, target: Path) -> Path:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with file.open("rb") as source, open(descriptor, "wb") as copy:  # noqa: PTH123 - its mode
        shutil.copyfileobj(source, copy)
    return target


def _ending(path: Path) -> str:
    """Return what a file is read by, such as ``.jsonl.gz``."""
    packed = path.suffix if path.suffix.lower() == ".gz" else ""
    return Path(path.name.removesuffix(packed)).suffix + packed


def _found(shelf: Path, name: str) -> Path | None:
    return next(iter(sorted(shelf.glob(f"{name}*"))), None)


def _all_of(folder: Path) -> Path:
    return folder / "**" / "*"
