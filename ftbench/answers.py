"""What counts as the answer in what a model wrote."""

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"

MAX_CHARS = 100_000
"""Longer answers are cut here; no reference of any task has a tenth of it."""


def final_answer(text: str) -> str:
    """Return what follows the reasoning; empty when the reasoning never ended.

    Reasoning models write their thoughts between tags first. Their answer begins after the last
    closing tag; a tag that is open to the end means that there was no answer. Half characters,
    which are no text, become question marks.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    _, closed, rest = text.rpartition(THINK_CLOSE)
    answer = rest if closed else text
    if THINK_OPEN in answer:
        return ""
    return answer.strip("\n")[:MAX_CHARS] if closed else answer[:MAX_CHARS]
