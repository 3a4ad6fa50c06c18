"""Subtasks whose answers are labels of a list: a label counts when it stands anywhere in the text.

So labels that are part of another one (侵占 of 职务侵占) come along with it, and a stray ``A``
spoils a letter. The published scorer does the same, and the published scores rest on it.
"""

from collections.abc import Collection, Sequence

from ftbench.tasks.law_bench.marks import Case, Mark, scored


def choice(case: Case, answer: str, *, options: Sequence[str]) -> Mark:
    """Return 1 if the gold label is the one option that occurs in the answer, else 0."""
    found = _found(answer, options)
    return scored(float(found == [case.gold]), "、".join(found))


def several(case: Case, answer: str, *, options: Sequence[str], separator: str) -> Mark:
    """Return the F1 of the options that occur in the answer against the gold labels."""
    found = _found(answer, options)
    return scored(set_f1(found, case.gold.split(separator)), separator.join(found))


def set_f1(found: Collection[object], gold: Collection[object]) -> float:
    """Return the harmonic mean of precision and recall of two sets, in [0, 1]; 0 if disjoint."""
    hits = len(set(found) & set(gold))
    return 2 * hits / (len(set(found)) + len(set(gold))) if hits else 0.0


def _found(answer: str, options: Sequence[str]) -> list[str]:
    return [option for option in options if option in answer]
