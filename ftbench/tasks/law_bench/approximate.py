"""Edits of a corrected sentence as difflib sees them: no costs, no word lists, an approximation.

Given beside the alignment that scores 2-1, to show how much rests on it.
"""

from collections.abc import Set
from difflib import SequenceMatcher

from ftbench.tasks.law_bench.proofreading import Edit, Edits


def count_edits_roughly(source: str, gold: str, predicted: str) -> Edits:
    """Compare the edits that turn a sentence into its prediction with those that give the gold.

    An edit is one passage that difflib replaces, inserts or deletes. The texts are compared as they
    are, traditional characters and spaces included.
    """
    wanted, made = _edits(source, gold), _edits(source, predicted)
    return Edits(len(wanted & made), len(made - wanted), len(wanted - made))


def _edits(source: str, target: str) -> Set[Edit]:
    steps = SequenceMatcher(None, source, target, autojunk=False).get_opcodes()
    return {Edit(i, k, target[j:m]) for kind, i, k, j, m in steps if kind != "equal"}
