"""Molecules as chemistry scorers compare them: read from SMILES, canonical, by fingerprint."""

from functools import lru_cache

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

MAX_SMILES = 2_000
"""Longer SMILES are invalid. RDKit walks molecules by recursion: a chain of 20,000 atoms, which a
model that repeats itself does write, overflows the stack and ends the whole process."""

_CACHED = 4096
_morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


@lru_cache(maxsize=_CACHED)
def parse(smiles: str) -> Chem.Mol | None:
    """Return the molecule of a SMILES string, or None for none: invalid, too long, without atoms.

    As in RDKit, what follows the first white space is the molecule's name: ``CCO, ethanol`` is
    invalid, ``CCO ethanol`` is ethanol. The molecule is shared: do not change it.
    """
    if len(smiles) > MAX_SMILES:
        return None
    # Models write thousands of invalid SMILES, and RDKit prints lines about each. Silenced here
    # only, because how loud RDKit is otherwise is for the program that uses this package to say.
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromSmiles(smiles)
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
            return None
    # The empty string is a valid molecule of no atoms to RDKit; nobody asks for one.
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@lru_cache(maxsize=_CACHED)
def canonical(smiles: str) -> str | None:
    """Return RDKit's canonical SMILES, which is the same for every way to write one molecule.

    Stereochemistry, charges and isotopes count. None where `parse` finds no molecule.
    """
    molecule = parse(smiles)
    return None if molecule is None else Chem.MolToSmiles(molecule)


def similarity(one: str, other: str) -> float:
    """Return the Tanimoto similarity of two molecules' Morgan fingerprints, in [0, 1].

    Radius 2, 2048 bits, no chirality: 1.0 does not mean that they are the same molecule. 0.0 where
    either is none. Source: Rogers and Hahn, "Extended-Connectivity Fingerprints", 2010.
    """
    bits, other_bits = _fingerprint(one), _fingerprint(other)
    if bits is None or other_bits is None:
        return 0.0
    return float(DataStructs.TanimotoSimilarity(bits, other_bits))


@lru_cache(maxsize=_CACHED)
def _fingerprint(smiles: str) -> DataStructs.ExplicitBitVect | None:
    molecule = parse(smiles)
    return None if molecule is None else _morgan.GetFingerprint(molecule)
