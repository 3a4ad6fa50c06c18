"""Asks a language model what a job wants, before anything is looked up."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from services.researcher.llm.adviser import Adviser
from services.researcher.llm.prompts import prompt
from services.researcher.llm.quoting import quoted
from services.researcher.llm.telling.room import fitting
from shared.asking.question import Shape
from shared.contracts.brief import Brief, BriefRequest, Requirements, TaskType
from shared.contracts.mapping import Mapping
from shared.errors import Rejected
from shared.one_line import one_line
from shared.rows import Sample, read_samples

ROWS = 5
"""Training rows that a model is shown."""

GOAL_CHARS = 4000
"""Of a goal that a model is told."""

_OF_LABELS = ("classification", "extraction", "question_answering")
"""Types of task whose answers are a few labels as a matter of course."""

Sentence = Annotated[str, StringConstraints(max_length=400)]


class Analysis(Shape):
    """What a model says a job wants."""

    task_type: TaskType
    why: Sentence
    """Why it is of this type."""
    output_format: Sentence
    success: Sentence
    constraints: Annotated[list[Sentence], Field(max_length=6)]
    risks: Annotated[list[Sentence], Field(max_length=6)]
    missing: Annotated[list[Sentence], Field(max_length=6)]


def analyse(
    request: BriefRequest, counted: Brief, adviser: Adviser
) -> tuple[TaskType, Requirements]:
    """Return what kind of answers a job wants and what it asks for.

    Raises:
        NoCounsel: there is no answer to be had.
        DataFailed: the training rows cannot be read any more.
    """
    rows = spread(Path(request.train), request.mapping, counted.rows)
    told = fitting(_told(request, counted, rows), adviser)

    def check(said: Analysis) -> None:
        _make_sense(said, counted)

    said = adviser.ask(prompt("requirements"), told, Analysis, check=check)
    return said.task_type, Requirements(
        output_format=one_line(said.output_format, 400),
        success=one_line(said.success, 400),
        constraints=_said(said.constraints),
        risks=_said(said.risks),
        missing=_said(said.missing),
    )


def the_job(request: BriefRequest, counted: Brief) -> str:
    """Return what a model is told of every job. The goal is the user's own, and is obeyed."""
    summary = quoted(counted.summary, "what was counted", most=2000)  # it names a label
    return f"## The user's goal\n\n{request.goal[:GOAL_CHARS]}\n\n## What was counted\n\n{summary}"


def spread(train: Path, mapping: Mapping, rows: int) -> list[Sample]:
    """Return a few of so many rows from all over the file: files are often sorted.

    Raises:
        DataFailed: they cannot be read.
    """
    wanted = {rows * place // ROWS for place in range(ROWS)}
    samples = read_samples(train, mapping)
    return [sample for number, sample in enumerate(samples) if number in wanted]


def shown(rows: Iterable[Sample], most: int) -> list[str]:
    """Return rows as quotations, with at most so many characters of prompt and of answer."""
    return [
        quoted(_as_text(row, most), f"row {row.row} of the training data", most=2 * most + 40)
        for row in rows
    ]


def _told(request: BriefRequest, counted: Brief, rows: list[Sample]) -> Iterator[str]:
    for most in (1500, 500, 150):
        told = [the_job(request, counted), "## A few training rows", *shown(rows, most)]
        yield "\n\n".join(told)
    yield the_job(request, counted)


def _as_text(row: Sample, most: int) -> str:
    return f"prompt: {row.prompt[:most]}\nanswer: {row.completion[:most]}"


def _make_sense(said: Analysis, counted: Brief) -> None:
    """Raise Rejected, with what a model is to change."""
    for name in ("output_format", "success"):
        if not getattr(said, name).strip():
            raise Rejected(f"{name}: wanted a sentence, found nothing; say it")
    if counted.labels and said.task_type not in _OF_LABELS and not said.why.strip():
        raise Rejected(
            f"task_type: the answers are {counted.labels} labels, so wanted one of "
            f"{', '.join(_OF_LABELS)}, found {said.task_type}; change it, or say in why"
        )


def _said(sentences: list[str]) -> tuple[str, ...]:
    lines = (one_line(sentence, 400) for sentence in sentences)
    return tuple(dict.fromkeys(line for line in lines if line))
