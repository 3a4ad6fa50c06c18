"""Asks a language model why an experiment came out as it did. What was measured stays measured."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from services.researcher.llm.adviser import Adviser
from services.researcher.llm.prompts import prompt
from services.researcher.llm.quoting import in_one_line
from services.researcher.llm.telling.fitting import fitted
from services.researcher.llm.telling.sections.diagnosis import curves, outcome, parent, purpose
from services.researcher.llm.telling.sections.experience import experience_of_changes
from shared.asking.question import Shape
from shared.contracts.lesson import BankedLesson, DiagnoseRequest, Lesson
from shared.errors import Rejected

Cause: TypeAlias = Literal[
    "underfitting",
    "overfitting",
    "capacity",
    "optimisation",
    "data_quality",
    "label_confusion",
    "format",
    "noise",
    "failure",
    "unclear",
]
"""Kinds of reasons for a result."""

Why = Annotated[str, in_one_line(400), Field(min_length=1, max_length=400)]
Next = Annotated[str, in_one_line(300), Field(min_length=1, max_length=300)]

_OPPOSITE = {"underfitting": "overfitting", "overfitting": "underfitting"}


class Diagnosis(Shape):
    """Why an experiment came out as it did."""

    verdict: Literal["better", "worse", "same", "failed"]
    """What was measured, repeated."""

    why: Why
    """The reason, in one sentence."""

    cause: Cause
    """Its kind."""

    confidence: float = Field(ge=0.0, le=1.0)
    """How sure the model is."""

    next: Next
    """What to try, in one sentence."""


def diagnose(
    request: DiagnoseRequest,
    measured: Lesson,
    lessons: Sequence[BankedLesson],
    adviser: Adviser,
) -> Lesson:
    """Return what was measured with a cause, and how sure the model is of that.

    Verdict, effect and fit stay as measured; an answer that contradicts them is given back.

    Args:
        request: which experiment.
        measured: what rules found.
        lessons: what earlier jobs taught.
        adviser: whom to ask.

    Raises:
        NoCounsel: the model has no answer that can be used.
    """
    told = (
        purpose(request),
        outcome(request, measured),
        parent(request),
        curves(request),
        experience_of_changes(request, lessons),
    )
    asked = fitted(told, adviser.room, adviser.count)
    said = adviser.ask(prompt("diagnose"), asked, Diagnosis, check=_agrees(measured))
    return with_cause(measured, said)


def with_cause(measured: Lesson, said: Diagnosis) -> Lesson:
    """Return the lesson with what a model said of it, marked as that."""
    why, step = said.why.rstrip("."), said.next.rstrip(".")
    view = f"A language model's view, confidence {said.confidence:.2f}: {said.cause}, {why}"
    return measured.model_copy(
        update={
            "sentence": f"{measured.sentence.rstrip('.')}. {view}; to try next: {step}.",
            "cause": f"{said.cause}: {why}",
            "confidence": said.confidence,
        }
    )


def _agrees(measured: Lesson) -> Callable[[Diagnosis], None]:
    """Return a check that an answer does not contradict what was measured."""

    def check(said: Diagnosis) -> None:
        if said.verdict != measured.verdict:
            raise Rejected(
                f"verdict: wanted {measured.verdict}, which was measured, found {said.verdict}; "
                f"explain a result that is {measured.verdict}"
            )
        if said.cause == "failure" and measured.verdict != "failed":
            raise Rejected("cause: failure goes with a run that failed, and this one did not")
        if _OPPOSITE.get(said.cause) == measured.fit:
            raise Rejected(
                f"cause: the loss curves show {measured.fit}, found {said.cause}; choose a cause "
                "that goes with them"
            )

    return check
