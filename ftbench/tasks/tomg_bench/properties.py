"""What TOMG-Bench counts and measures in a molecule: atoms, bonds, groups, and three properties.

Everything is defined as in ``utils/evaluation.py`` of phenixace/S2-TOMG-Bench at df70b90.
"""

from collections import Counter
from collections.abc import Callable

from rdkit import Chem
from rdkit.Chem import QED, rdMolDescriptors

ELEMENTS = {
    "carbon": 6,
    "oxygen": 8,
    "nitrogen": 7,
    "sulfur": 16,
    "fluorine": 9,
    "chlorine": 17,
    "bromine": 35,
    "iodine": 53,
    "phosphorus": 15,
    "boron": 5,
    "silicon": 14,
    "selenium": 34,
    "tellurium": 52,
    "arsenic": 33,
    "antimony": 51,
    "bismuth": 83,
    "polonium": 84,
}
"""Columns of AtomNum, and their atomic numbers."""

BONDS = ("single", "double", "triple", "rotatable", "aromatic")
"""Columns of BondNum."""

_BOND_TYPES = {
    "single": Chem.BondType.SINGLE,
    "double": Chem.BondType.DOUBLE,
    "triple": Chem.BondType.TRIPLE,
    "aromatic": Chem.BondType.AROMATIC,
}

_SMARTS = {
    "benzene_ring": "[cR1]1[cR1][cR1][cR1][cR1][cR1]1",
    "hydroxyl": "[OX2H]",  # those of carboxylic acids too
    "anhydride": "[CX3](=[OX1])[OX2][CX3](=[OX1])",
    "aldehyde": "[CX3H1](=O)[#6]",
    "ketone": "[#6][CX3](=O)[#6]",
    "carboxyl": "[CX3](=O)[OX2H1]",
    "ester": "[#6][CX3](=O)[OX2H0][#6]",  # twice in an anhydride
    "amide": "[NX3][CX3](=[OX1])[#6]",
    "amine": "[NX3;H2,H1;!$(NC=O)]",
    "nitro": "[$([NX3](=O)=O),$([NX3+](=O)[O-])][!#8]",
    "halo": "[F,Cl,Br,I]",
    "thioether": "[SX2][CX4]",  # once for each of its two sides
    "nitrile": "[NX1]#[CX2]",
    "thiol": "[#16X2H]",
    "sulfide": "[#16X2H0]",  # less the disulfides
    "disulfide": "[#16X2H0][#16X2H0]",
    "sulfoxide": "[$([#16X3]=[OX1]),$([#16X3+][OX1-])]",
    "sulfone": "[$([#16X4](=[OX1])=[OX1]),$([#16X4+2]([OX1-])[OX1-])]",
    "borane": "[BX3]",
}
_PATTERNS = {group: Chem.MolFromSmarts(smarts) for group, smarts in _SMARTS.items()}

GROUPS = tuple(_SMARTS)
"""Functional groups that can be counted."""

PROPERTIES: dict[str, Callable[[Chem.Mol], float]] = {
    "LogP": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[0],
    "MR": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[1],
    "QED": QED.qed,
}
"""Subtasks of MolOpt, and the property that each is about."""


def atoms(molecule: Chem.Mol) -> dict[str, int]:
    """Return how many atoms there are of each of `ELEMENTS`."""
    found = Counter(atom.GetAtomicNum() for atom in molecule.GetAtoms())
    return {element: found[number] for element, number in ELEMENTS.items()}


def bonds(molecule: Chem.Mol) -> dict[str, int]:
    """Return how many bonds there are of each of `BONDS`; an aromatic one is no single one."""
    found = Counter(bond.GetBondType() for bond in molecule.GetBonds())
    rotatable = rdMolDescriptors.CalcNumRotatableBonds(molecule)
    return {kind: found[type] for kind, type in _BOND_TYPES.items()} | {"rotatable": rotatable}


def groups(molecule: Chem.Mol, group: str) -> int:
    """Return how often a functional group occurs. Groups overlap: acetic acid has a hydroxyl."""
    found = len(molecule.GetSubstructMatches(_PATTERNS[group]))
    if group == "sulfide":
        found -= len(molecule.GetSubstructMatches(_PATTERNS["disulfide"]))
    return found


def value(molecule: Chem.Mol, name: str) -> float | None:
    """Return a property of `PROPERTIES`; None where RDKit cannot tell."""
    try:
        return float(PROPERTIES[name](molecule))
    except (ArithmeticError, RuntimeError, ValueError):
        # Drug-likeness takes exponentials and logarithms, which monstrous molecules overflow.
        return None
