"""What a language model replies when it is asked what to try: a direction, then ideas. Pure."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError

from services.researcher.llm.proposing.whitelist import Change, Knob
from services.researcher.llm.quoting import in_one_line
from shared.asking.question import Shape
from shared.contracts.base import sentences
from shared.contracts.proposal import Direction

LINE = 300
"""Characters kept of what a model says in its own words."""

MOST_IDEAS = 8
"""Ideas in one answer."""

Line = Annotated[str, in_one_line(LINE), Field(min_length=1, max_length=LINE)]
"""A sentence or two: one line, printable, cut to `LINE` characters."""

Difference = Annotated[float, Field(ge=-1.0, le=1.0)]
"""Of two scores."""


class Course(Shape):
    """What the next experiments are mainly to be about."""

    direction: Direction
    reason: Line


class Idea(Shape):
    """One experiment: how it differs from its parent, why, and what would show it wrong."""

    hypothesis: Line
    join: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(max_length=3)] = ()
    """Numbers of experiments whose changes are made here as well."""
    changes: Annotated[tuple[Change, ...], Field(max_length=4)] = ()
    knobs: Annotated[tuple[Knob, ...], Field(max_length=4)] = ()
    gain_low: Difference
    gain_mean: Difference
    gain_high: Difference
    falsifier: Line
    despite: Annotated[str, in_one_line(LINE), Field(max_length=LINE)] = ""
    """Why it should help here, although other jobs speak against it."""

    def does_as(self, other: "Idea") -> bool:
        """Whether another idea does the same, whatever is said and expected of it."""
        mine = (self.join, self.changes, self.knobs)
        return mine == (other.join, other.changes, other.knobs)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that stands where an idea should, and what is wrong with it."""

    fault: str


def _read(said: Any) -> Idea | Unreadable:
    # One idea that cannot be read leaves the others of its answer alone.
    try:
        return Idea.model_validate(said)
    except ValidationError as error:
        return Unreadable("; ".join(sentences(error.errors())))


class Ideas(Shape):
    """The experiments to try next, the best first."""

    ideas: Annotated[
        list[Annotated[Idea | Unreadable, PlainValidator(_read, json_schema_input_type=Idea)]],
        Field(min_length=1, max_length=MOST_IDEAS),
    ]
