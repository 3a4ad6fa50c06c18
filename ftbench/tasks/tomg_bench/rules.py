"""When a molecule does what an instruction of TOMG-Bench asks: one rule for each subtask.

A rule reads the published row and looks at nothing else. Rows are as in ``evaluate.py`` of
phenixace/S2-TOMG-Bench at df70b90, with every value as the text of a CSV field or as a number.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rdkit import Chem

from ftbench.metrics.molecules import parse
from ftbench.tasks.tomg_bench.properties import GROUPS, atoms, bonds, groups, value

Row = Mapping[str, Any]
Rule = Callable[[Chem.Mol, Row], bool]

# The instructions ask for thioethers; the published scorer does not look whether they are there.
COUNTED_GROUPS = tuple(group for group in GROUPS if group != "thioether")


def group_named(name: str) -> str:
    """Return a group as `properties.GROUPS` has it: the files also say ``benzene ring``."""
    return name.strip().replace(" ", "_")


def column_of(group: str, row: Row) -> str:
    """Return the column of a group in FunctionalGroup; that of benzene has had two names."""
    return "benzene rings" if group == "benzene_ring" and "benzene rings" in row else group


def _has_atoms(molecule: Chem.Mol, row: Row) -> bool:
    return all(count == int(row[element]) for element, count in atoms(molecule).items())


def _has_bonds(molecule: Chem.Mol, row: Row) -> bool:
    # A zero is a kind that the instruction does not mention: there may be any number.
    return all(int(row[kind]) in (0, count) for kind, count in bonds(molecule).items())


def _has_groups(molecule: Chem.Mol, row: Row) -> bool:
    return all(
        groups(molecule, group) == int(row[column_of(group, row)]) for group in COUNTED_GROUPS
    )


def _is_edited(molecule: Chem.Mol, row: Row, changes: Mapping[str, int]) -> bool:
    """Whether groups changed in number as asked; nothing else has to stay as it was."""
    source = parse(row["molecule"])
    return source is not None and all(
        groups(molecule, group) == groups(source, group) + change
        for group, change in ((group_named(row[column]), by) for column, by in changes.items())
    )


def _is_optimized(molecule: Chem.Mol, row: Row, name: str) -> bool:
    source = parse(row["molecule"])
    now, before = value(molecule, name), None if source is None else value(source, name)
    if now is None or before is None:
        return False
    return now < before if wants_less(row["Instruction"]) else now > before


def wants_less(instruction: str) -> bool:
    """Whether an instruction of MolOpt asks for a lower value."""
    return "lower" in instruction or "decrease" in instruction


RULES: dict[str, Rule] = {
    "AtomNum": _has_atoms,
    "BondNum": _has_bonds,
    "FunctionalGroup": _has_groups,
    "AddComponent": partial(_is_edited, changes={"added_group": 1}),
    "DelComponent": partial(_is_edited, changes={"removed_group": -1}),
    "SubComponent": partial(_is_edited, changes={"removed_group": -1, "added_group": 1}),
    "LogP": partial(_is_optimized, name="LogP"),
    "MR": partial(_is_optimized, name="MR"),
    "QED": partial(_is_optimized, name="QED"),
}
"""By subtask: whether a valid molecule fulfils a row."""
