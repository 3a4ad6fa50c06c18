"""Ways to judge answers that a job brings along, instead of naming a metric."""

import ast
import re
import warnings
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator

from shared.contracts.base import Contract


class PythonGrader(Contract):
    """A function of the user's, run in a process that can reach nothing else."""

    kind: Literal["python"] = "python"

    code: str = Field(min_length=1, max_length=100_000)
    """Source that defines ``grade(prompt: str, reference: str, answer: str) -> float`` in [0, 1]. A
    reference must earn 1 and an empty answer 0, or nothing is graded by it."""

    @field_validator("code")
    @classmethod
    def _defines_grade(cls, code: str) -> str:
        try:
            with warnings.catch_warnings(action="ignore"):  # of escapes, which work all the same
                statements = ast.parse(code).body
        except SyntaxError as error:
            raise ValueError(f"wanted Python, found {error.msg} in line {error.lineno}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"wanted Python, found what cannot be read ({error})") from None
        if not any(isinstance(one, ast.FunctionDef) and one.name == "grade" for one in statements):
            raise ValueError("wanted a function grade(prompt, reference, answer), found none")
        return code


class RegexGrader(Contract):
    """What a pattern finds in an answer must be what it finds in the reference."""

    kind: Literal["regex"] = "regex"

    pattern: str = Field(min_length=1)
    """Of Python's ``re``. The last place counts; its first group is compared, or all of it where it
    has none. White space around is no difference. Every reference must have such a place."""

    @field_validator("pattern")
    @classmethod
    def _is_one(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"wanted a regular expression, found that {error}") from None
        return pattern


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
