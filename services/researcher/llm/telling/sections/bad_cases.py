"""What is wrong with an experiment's answers on dev: how often in which way, with examples."""

from collections.abc import Iterator

from services.researcher.evidence import best_of, parent_of
from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.hearsay import as_written, in_marks
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.score import Confusion, Fault

MOST_CONFUSIONS = 5
"""Pairs of labels that are told."""

_PROMPT, _ANSWER = 240, 120  # characters of an example


def bad_cases(request: ProposeRequest) -> Section:
    """Return what is wrong with the parent's answers; below the base model, with the best's."""
    known = [one for one in request.findings if one.faults]
    finding = parent_of(known, request.parent) or best_of(known)
    if finding is None:
        return section("Wrong answers", 6, ())
    counts = f"On dev, #{finding.experiment} has wrong answers: {fault_counts(finding)}."
    return section(
        "Wrong answers",
        6,
        (
            Form(f"{counts}\n\n{wrong_answers(finding, 2)}"),
            Form(f"{counts}\n\n{wrong_answers(finding, 1, kinds=2)}", _LESS),
            Form(counts, _LESS),
        ),
    )


_LESS = "examples of wrong answers"


def fault_counts(finding: Finding) -> str:
    """Return how often answers are wrong in which way, for example ``12 wrong, 3 cut``."""
    return ", ".join(f"{fault.count} {fault.kind}" for fault in finding.faults)


def wrong_answers(finding: Finding, each: int, *, kinds: int = 5) -> str:
    """Return labels confused and examples of wrong answers, quoted: rows and a model wrote them.

    Args:
        finding: whose answers.
        each: examples of a fault.
        kinds: faults of which examples are shown, the most frequent first.
    """
    pairs = map(_pair, finding.confusions[:MOST_CONFUSIONS])
    cases = (line for fault in finding.faults[:kinds] for line in _examples(fault, each))
    number = finding.experiment
    blocks = (
        in_marks(pairs, f"labels that #{number} confuses"),
        in_marks(cases, f"wrong answers of #{number} on dev"),
    )
    return "\n\n".join(block for block in blocks if block)


def _examples(fault: Fault, each: int) -> Iterator[str]:
    for case in fault.examples[:each]:
        yield (
            f"{fault.kind}: asked {as_written(case.prompt, _PROMPT)}, wanted "
            f"{as_written(case.expected, _ANSWER)}, got {as_written(case.got, _ANSWER)}"
        )


def _pair(confusion: Confusion) -> str:
    expected, got = as_written(confusion.expected, 60), as_written(confusion.got, 60)
    return f"{confusion.count} times {got} for {expected}"
