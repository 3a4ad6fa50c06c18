"""What is wrong with the answers that did not earn full marks. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from services.evaluator.forms import Form, form_of, label_in, labels_of
from shared.contracts.score import BadCase, Confusion, Fault, FaultKind

EXAMPLES = 5
"""Answers shown of each fault."""

CONFUSIONS = 10
"""Pairs of labels shown."""

NEAR = 0.8
"""Similarity, 1 minus Levenshtein's distance over the longer length, that is nearly right."""


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer and what it earned."""

    prompt: str
    expected: str
    """Empty where no right answer is known."""

    got: str
    cut: bool
    """Whether it was over before it ended."""

    grade: float
    """In [0, 1]."""


def faults_of(marked: Sequence[Marked]) -> tuple[Fault, ...]:
    """Return what is wrong with the answers below full marks, the most frequent first.

    Each answer has one fault, the first that fits of: empty; cut; not of the form that right
    answers have; nearly right; wrong. Among labels an answer has the form if it names another
    label, and is then wrong, however alike the two are written.
    """
    known = [one.expected for one in marked if one.expected]
    labels, form = labels_of(known), form_of(known)
    found: defaultdict[FaultKind, list[BadCase]] = defaultdict(list)
    for one in sorted(_below_full(marked), key=lambda one: one.grade):
        found[_kind(one, labels, form)].append(_shown(one))
    return tuple(
        Fault(kind=kind, count=len(cases), examples=tuple(cases[:EXAMPLES]))
        for kind, cases in sorted(found.items(), key=lambda fault: -len(fault[1]))
    )


def confusions_of(marked: Sequence[Marked]) -> tuple[Confusion, ...]:
    """Return which label was answered for which, the most frequent first.

    Empty where the right answers are no few labels, see `services.evaluator.forms.labels_of`.
    """
    labels = labels_of([one.expected for one in marked if one.expected])
    pairs = Counter(
        (label_in(one.expected, labels), label_in(one.got, labels)) for one in _below_full(marked)
    )
    return tuple(
        Confusion(expected=expected, got=got, count=count)
        for (expected, got), count in pairs.most_common()
        if expected and got and expected != got
    )[:CONFUSIONS]


def _below_full(marked: Sequence[Marked]) -> list[Marked]:
    return [one for one in marked if one.grade < 1.0]


def _kind(one: Marked, labels: dict[str, str], form: Form) -> FaultKind:
    if not one.got.strip():
        return "empty"
    if one.cut:
        return "cut"
    if labels:
        said = label_in(one.got, labels)
        return "format" if said in (None, label_in(one.expected, labels)) else "wrong"
    if not form(one.got):
        return "format"
    return "near" if Levenshtein.normalized_similarity(one.got, one.expected) >= NEAR else "wrong"


def _shown(one: Marked) -> BadCase:
    return BadCase(prompt=one.prompt[:500], expected=one.expected[:200], got=one.got[:200])
