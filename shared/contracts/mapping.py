"""A mapping: how a row of a data file becomes a conversation, by the shape of the row.

A template names columns in braces. One that is a single column and nothing else, such as
``{prompt}``, may name a column with messages in place of text.
"""

from string import Formatter
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag

from shared.contracts.base import Contract


def columns_of(template: str) -> list[str]:
    """Return the column names in a template.

    Raises:
        ValueError: an unmatched brace, or something else than a column name inside a pair.
    """
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name or spec or conversion or any(sign in name for sign in ".["):
            raise ValueError(
                "braces must hold a column name and nothing else; write {{ for a brace"
            )
        names.append(name)
    return names


def _names_columns(template: str) -> str:
    if not columns_of(template):
        raise ValueError("must name at least one column in braces, such as {text}")
    return template


Template = Annotated[str, Field(min_length=1), AfterValidator(_names_columns)]
"""Text with the names of columns in braces."""


class _Shape(Contract):
    system: str | None = None
    """A system message put before every conversation without one of its own, taken literally."""


class Templates(_Shape):
    """A prompt and its answer, both written from columns. What is meant where no kind is given."""

    kind: Literal["templates"] = "templates"

    prompt: Template
    """What the user says, for example ``{question}`` or ``Sentiment of: {sentence}``."""

    completion: Template
    """What the model should answer, for example ``{answer}``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row needs, in order of first use."""
        return _distinct(self.prompt, self.completion)


class Messages(_Shape):
    """Whole conversations in one column; every answer in them is learned."""

    kind: Literal["messages"] = "messages"

    column: str = Field(min_length=1)
    """Holds a list of ``{role, content}`` as OpenAI has it, or ``{from, value}`` as ShareGPT."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row needs."""
        return (self.column,)


class Preference(_Shape):
    """Two answers to the same prompt, of which one is better."""

    kind: Literal["preference"] = "preference"

    prompt: Template | None = None
    """What the user says; None where both answers are conversations that begin alike."""

    chosen: Template
    """The better answer; of messages, the last one."""

    rejected: Template
    """The worse answer; of messages, the last one."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row needs, in order of first use."""
        return _distinct(self.prompt or "", self.chosen, self.rejected)


class Judged(_Shape):
    """Answers that were judged good or bad one by one."""

    kind: Literal["judged"] = "judged"

    prompt: Template
    """What the user says."""

    completion: Template
    """The answer that was judged; of messages, the last one."""

    label: str = Field(min_length=1)
    """Name of the column that is true where the answer is good, and false where it is bad."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row needs, in order of first use."""
        return (*_distinct(self.prompt, self.completion), self.label)


class Prompts(_Shape):
    """Prompts that the model answers itself, to be rewarded."""

    kind: Literal["prompts"] = "prompts"

    prompt: Template
    """What the user says."""

    reference: Template | None = None
    """A right answer to compare with; None where none is known."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row needs, in order of first use."""
        return _distinct(self.prompt, self.reference or "")


def _distinct(*templates: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for template in templates for name in columns_of(template)))


def _kind(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("kind", "templates")
    return getattr(value, "kind", "templates")


Mapping: TypeAlias = Annotated[
    Annotated[Templates, Tag("templates")]
    | Annotated[Messages, Tag("messages")]
    | Annotated[Preference, Tag("preference")]
    | Annotated[Judged, Tag("judged")]
    | Annotated[Prompts, Tag("prompts")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message="must be of kind templates, messages, preference, judged or prompts",
    ),
]
"""How a row becomes a conversation."""


SHAPES: dict[str, type[_Shape]] = {
    "templates": Templates,
    "messages": Messages,
    "preference": Preference,
    "judged": Judged,
    "prompts": Prompts,
}
"""Each kind of mapping, by its name."""


def fields_of(mapping: Mapping) -> dict[str, str]:
    """Return what a person writes to mean this mapping: no kind for templates, and no None."""
    fields = mapping.model_dump(exclude_none=True)
    if mapping.kind == "templates":
        del fields["kind"]
    return fields
