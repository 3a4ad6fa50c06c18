"""oMeS: a predicted mechanism is aligned with the published one, and what matches is weighed."""

from collections.abc import Sequence
from typing import NamedTuple

from ftbench.metrics.molecules import canonical, similarity
from ftbench.tasks.ome_bench.answers import Step

SIMILAR = 0.60
"""Tanimoto similarity from which on an intermediate earns its share."""

_NO_MATCH = 1e-6  # what each step that matches none costs, to choose among equal alignments
_MATCH, _MISMATCH, _SKIP = 3, 2, 1


class GoldStep(NamedTuple):
    """One step of the published mechanism."""

    subtype: str
    smiles: str
    weight: float
    """Its share of the score, in [0, 1]; the weights of a mechanism sum to 1."""


class Scores(NamedTuple):
    """The four numbers of one reaction, each in [0, 1] and rounded to 2 decimals as published."""

    total: float
    """``S_total``: weights of the steps with the right subtype and the right intermediate."""

    partial: float
    """``S_partial``: the same with similar intermediates, each times its similarity."""

    valid: float
    """``V``: share of the predicted intermediates that RDKit can parse."""

    subtype: float
    """``L``: published steps that are aligned with one of their subtype, as a share of all."""


NOTHING = Scores(0.0, 0.0, 0.0, 0.0)
"""What a reaction without a mechanism scores."""


class _Cell(NamedTuple):
    """The best alignment so far, in the order in which alignments are preferred."""

    total: float
    partial: float
    rank: int
    """Of the last move."""

    penalty: float
    matches: int


def score(gold: Sequence[GoldStep], predicted: Sequence[Step]) -> Scores:
    """Return the scores of a predicted mechanism.

    ``total`` decides between alignments and ``partial`` only between those of equal ``total``, so
    that ``partial`` is not the most that some alignment could give. Takes time in the number of
    predicted steps times the number of published ones.

    Source: ``oMeS`` in ``scripts/utils_eval.py`` of skylarkie/oMeBench at 4ecae92.
    """
    best = _aligned(gold, predicted)
    valid = sum(canonical(step.smiles) is not None for step in predicted)
    return Scores(
        total=round(best.total, 2),
        partial=round(best.partial, 2),
        valid=round(valid / max(1, len(predicted)), 2),
        subtype=round(best.matches / max(1, len(gold)), 2),
    )


def _aligned(gold: Sequence[GoldStep], predicted: Sequence[Step]) -> _Cell:
    above = [_Cell(0.0, 0.0, 0, 0.0, 0)]
    for _ in predicted:
        above.append(_skip(above[-1]))
    for ours in gold:
        row = [_skip(above[0])]
        for j, theirs in enumerate(predicted):
            # Of equal ones the first wins, and the number of matches does not count.
            moves = _skip(above[j + 1]), _skip(row[j]), _pair(above[j], ours, theirs)
            row.append(max(moves, key=lambda cell: cell[:4]))
        above = row
    return above[-1]


def _skip(cell: _Cell) -> _Cell:
    return _Cell(cell.total, cell.partial, _SKIP, cell.penalty - _NO_MATCH, cell.matches)


def _pair(cell: _Cell, gold: GoldStep, predicted: Step) -> _Cell:
    if gold.subtype != predicted.subtype:
        return _Cell(cell.total, cell.partial, _MISMATCH, cell.penalty - _NO_MATCH, cell.matches)
    ours, theirs = canonical(gold.smiles), canonical(predicted.smiles)
    same = ours is not None and ours == theirs
    alike = similarity(gold.smiles, predicted.smiles)
    return _Cell(
        cell.total + (gold.weight if same else 0.0),
        cell.partial + (gold.weight * alike if alike >= SIMILAR else 0.0),
        _MATCH,
        cell.penalty,
        cell.matches + 1,
    )
