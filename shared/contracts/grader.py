"""Ways to judge answers that a job brings along, instead of naming a metric."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from shared.contracts.base import Contract


class PythonGrader(Contract):
    """A function of the user's, run in a process that can reach nothing else."""

    kind: Literal["python"] = "python"

    code: str = Field(min_length=1)
    """Source that defines ``grade(prompt: str, reference: str, answer: str) -> float`` in [0, 1]. A
    reference must earn 1 and an empty answer 0, or nothing is graded by it."""


class RegexGrader(Contract):
    """What a pattern finds in an answer must be the reference."""

    kind: Literal["regex"] = "regex"

    pattern: str = Field(min_length=1)
    """Searched for in the answer, the last place counts; its first group is compared, or all of it
    where it has none. White space around is no difference."""


class JsonSchemaGrader(Contract):
    """An answer must be JSON that a schema allows."""

    kind: Literal["json_schema"] = "json_schema"

    json_schema: dict[str, Any]
    """JSON Schema, draft 2020-12."""

    same: bool = False
    """Whether the answer must also equal the reference, read as JSON."""


class JudgeGrader(Contract):
    """A language model judges, behind the endpoint in the evaluator's settings."""

    kind: Literal["judge"] = "judge"

    criterion: str = Field(min_length=1)
    """What a good answer is, in words."""

    model: str = Field(min_length=1)
    """The judge's name at its endpoint."""


Grader: TypeAlias = Annotated[
    PythonGrader | RegexGrader | JsonSchemaGrader | JudgeGrader, Field(discriminator="kind")
]
"""How answers are judged where no metric fits. Every grade is in [0, 1], higher is better."""
