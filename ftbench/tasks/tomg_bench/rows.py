"""The rows of the published files of TOMG-Bench and OpenMolIns, checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftbench.reading import need
from ftbench.tasks.tomg_bench.properties import BONDS, ELEMENTS, GROUPS
from ftbench.tasks.tomg_bench.rules import COUNTED_GROUPS, column_of, group_named
from shared.errors import DataFailed
from shared.rows import read_rows

FILES = {
    "AtomNum": "MolCustom_AtomNum.csv",
    "BondNum": "MolCustom_BondNum.csv",
    "FunctionalGroup": "MolCustom_FunctionalGroup.csv",
    "AddComponent": "MolEdit_AddComponent.csv",
    "DelComponent": "MolEdit_DelComponent.csv",
    "SubComponent": "MolEdit_SubComponent.csv",
    "LogP": "MolOpt_LogP.csv",
    "MR": "MolOpt_MR.csv",
    "QED": "MolOpt_QED.csv",
}
"""The nine subtasks, and the file of each."""

SOURCED = ("AddComponent", "DelComponent", "SubComponent", "LogP", "MR", "QED")
"""The subtasks that start from a source molecule: MolEdit and MolOpt."""

TRAIN_FILE = "OpenMolIns-light/train.csv"

_COUNTS: dict[str, tuple[str, ...]] = {
    "AtomNum": tuple(ELEMENTS),
    "BondNum": BONDS,
    "FunctionalGroup": COUNTED_GROUPS,
}
_EDITED = {
    "AddComponent": ("added_group",),
    "DelComponent": ("removed_group",),
    "SubComponent": ("removed_group", "added_group"),
}


def read_benchmark(path: Path, subtask: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of one subtask, as published.

    Raises:
        DataFailed: a row without an instruction or a source molecule, without one of the columns
            that its rule reads, or with something in one that is no count or no known group.
    """
    for number, row in enumerate(read_rows(path), start=1):
        where = f"{path} record {number}"
        columns = row.columns
        counts = [column_of(name, columns) for name in _COUNTS.get(subtask, ())]
        texts = ("Instruction", "molecule") if subtask in SOURCED else ("Instruction",)
        need(columns, (*texts, *counts, *_EDITED.get(subtask, ())), where)
        for column in texts:
            _need_text(columns, column, where)
        for column in counts:
            _need_count(columns, column, where)
        for column in _EDITED.get(subtask, ()):
            _need_group(columns, column, where)
        yield columns


def read_train(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of OpenMolIns: a subtask, an instruction, and the molecule that answers it.

    Raises:
        DataFailed: a row without one of the three, or with a subtask that is none of the nine.
    """
    for number, row in enumerate(read_rows(path), start=1):
        where = f"{path} record {number}"
        columns = need(row.columns, ("SubTask", "Instruction", "molecule"), where)
        _need_text(columns, "Instruction", where)
        _need_text(columns, "molecule", where)
        if columns["SubTask"] not in FILES:
            raise DataFailed(
                f"{where}: wanted a SubTask, one of {', '.join(FILES)}, found "
                f"{columns['SubTask']!r}; is it the published file?"
            )
        yield columns


def _need_text(columns: Mapping[str, Any], column: str, where: str) -> None:
    if not isinstance(columns[column], str) or not columns[column].strip():
        raise DataFailed(
            f"{where}: wanted text in {column!r}, found {columns[column]!r}; fetch the file again"
        )


def _need_count(columns: Mapping[str, Any], column: str, where: str) -> None:
    count = str(columns[column])
    if not (count.isascii() and count.isdigit()):
        raise DataFailed(
            f"{where}: wanted a count in {column!r}, found {count!r}; fetch the file again"
        )


def _need_group(columns: Mapping[str, Any], column: str, where: str) -> None:
    if group_named(str(columns[column])) not in GROUPS:
        raise DataFailed(
            f"{where}: wanted a functional group in {column!r}, one of {', '.join(GROUPS)}, found "
            f"{columns[column]!r}; is it the published file?"
        )
