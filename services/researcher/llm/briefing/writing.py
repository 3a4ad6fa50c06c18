"""Asks a language model what follows from what was found, each sentence with its source."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints

from services.researcher.llm.adviser import Adviser
from services.researcher.llm.briefing.looking_up import Evidence
from services.researcher.llm.prompts import prompt
from services.researcher.llm.quoting import quoted
from services.researcher.llm.telling.room import fitting
from shared.asking.question import Shape
from shared.errors import Rejected

MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
"""A citation within a sentence: ``[3]`` or ``[3, 4]``."""

_BRACKET = re.compile(r"\[[^\[\]]*\d[^\[\]]*\]")
"""What may be meant as one."""


class Remark(Shape):
    """A sentence or two that rest on one source."""

    source: int
    says: Annotated[str, StringConstraints(min_length=1, max_length=600)]


class Written(Shape):
    """What a model makes of a job and of what was found."""

    overview: Annotated[str, StringConstraints(min_length=1, max_length=1500)]
    literature: Annotated[list[Remark], Field(max_length=8)]
    data: Annotated[list[Remark], Field(max_length=6)]
    first: Annotated[str, StringConstraints(min_length=1, max_length=1500)]


def write(told: str, evidence: Evidence, adviser: Adviser) -> Written:
    """Return what a model says, citing nothing that was not found.

    Raises:
        NoCounsel: there is no answer to be had.
    """

    def check(said: Written) -> None:
        _rests_on(said, evidence)

    question = fitting(_told(told, evidence), adviser)
    return adviser.ask(prompt("brief"), question, Written, check=check)


def cited(text: str) -> list[int]:
    """Return the numbers that a text cites, in their order."""
    return [int(number) for mark in MARK.findall(text) for number in mark.split(",")]


def _told(told: str, evidence: Evidence) -> Iterator[str]:
    if not evidence.read:
        yield f"{told}\n\n## What was found\n\nNothing: cite no source."
    for most in (1500, 700, 300, 120) if evidence.read else ():
        shown = []
        for one in evidence.read:
            source = one.source
            head = f"Source {source.number} is a {source.kind}"
            head += f" of {source.year}." if source.year else "."
            risk = f"\nContamination: {one.dataset.contamination}" if one.dataset else ""
            shown.append(f"{head}\n{quoted(one.text, f'source {source.number}', most=most)}{risk}")
        yield "\n\n".join([told, "## What was found", *shown])


def _rests_on(said: Written, evidence: Evidence) -> None:
    """Raise Rejected on a citation of another form, or of no source or one of another kind."""
    kinds = {one.source.number: one.source.kind for one in evidence.read}
    texts = [said.overview, said.first, *(one.says for one in (*said.literature, *said.data))]
    if any(not MARK.fullmatch(found) for text in texts for found in _BRACKET.findall(text)):
        raise Rejected(
            "wanted citations as [3] or [3, 4], found another form; write them so, and no other "
            "number in brackets"
        )
    numbers = [number for text in texts for number in cited(text)]
    for number in (*numbers, *(one.source for one in (*said.literature, *said.data))):
        if number not in kinds:
            there = f"there are 1 to {len(kinds)}" if kinds else "there are none"
            raise Rejected(f"wanted a source that was found, found [{number}]; {there}")
    for name, remarks, of_data in (
        ("literature", said.literature, False),
        ("data", said.data, True),
    ):
        for remark in remarks:
            kind = kinds[remark.source]
            if (kind == "dataset") is not of_data:
                wanted = "a dataset" if of_data else "a paper or document"
                raise Rejected(
                    f"{name}: wanted {wanted}, found source {remark.source}, a {kind}; move it"
                )
    for name in ("overview", "first"):
        if not getattr(said, name).strip():
            raise Rejected(f"{name}: wanted a few sentences, found nothing; say them")
