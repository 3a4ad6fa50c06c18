"""What the faults of an experiment's answers say about it."""

from collections.abc import Iterator

from shared.contracts.score import FaultKind, Score

MANY = 0.1
"""Share of the answers from which a fault is worth a word."""

_SAID: dict[FaultKind, str] = {
    "empty": "are empty: a lower learning rate or fewer epochs may bring them back",
    "cut": "are cut: raise limits.max_new_tokens, or train on shorter answers",
    "format": "have not the form of right ones: train longer, or on rows in that form",
    "near": "are nearly right: look at what the metric makes of small differences",
}
"""Of all but answers that are simply wrong."""


def fault_words(score: Score) -> str:
    """Return what is mostly wrong with the answers, each clause after a semicolon; often nothing.

    That is the most frequent fault with a remedy and the most frequent confusion of labels, each
    where at least a share `MANY` of the answers has it.
    """
    return "".join(f"; {clause}" for clause in _clauses(score))


def _clauses(score: Score) -> Iterator[str]:
    worth = MANY * score.n
    fault = next((one for one in score.faults if one.kind in _SAID and one.count >= worth), None)
    if fault is not None:
        yield f"{fault.count} of {score.n} answers {_SAID[fault.kind]}"
    if score.confusions and score.confusions[0].count >= worth:
        most = score.confusions[0]
        yield (
            f"labels are confused: {most.got} for {most.expected} {most.count} times, so train on "
            "more rows of both"
        )
