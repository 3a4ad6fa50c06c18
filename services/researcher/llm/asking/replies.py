"""What a server sends back, looked at before it is believed. Pure."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, ValidationError

MOST_TOKENS = 10**9
"""A server that says more of one reply does not know."""


class _Function(BaseModel):
    name: str = "?"


class _ToolCall(BaseModel):
    function: _Function | None = None

    @property
    def name(self) -> str:
        return (self.function or _Function()).name


class _Part(BaseModel):
    text: str | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(gt=0, le=MOST_TOKENS)
    completion_tokens: int = Field(ge=0, le=MOST_TOKENS)


class _Completion(BaseModel):
    model: str | None = None
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said."""

    text: str
    calls: tuple[str, ...] = ()
    """Names of tools that it wants called; none was offered."""
    is_cut_off: bool = False
    """It was stopped at the longest reply that was allowed."""
    usage: tuple[int, int] | None = None
    """Tokens read and written; None of a server that does not say."""
    model: str | None = field(default=None, compare=False)
    """Who says it is, as its server has it."""
    finish: str | None = field(default=None, compare=False)
    """Why it ended, likewise."""

    @property
    def words(self) -> str:
        """All of it in words: text, then calls of tools."""
        return "\n".join([self.text, *(f"(called {name})" for name in self.calls)])


def read_reply(body: bytes) -> Reply | None:
    """Return what a completion says, None of anything but a completion."""
    try:
        found = _Completion.model_validate_json(body)
    except ValidationError:
        return None
    choice = found.choices[0]
    calls = tuple(call.name for call in choice.message.tool_calls or ())
    return Reply(
        choice.message.text,
        calls,
        choice.finish_reason == "length",
        _used(found.usage),
        found.model,
        choice.finish_reason,
    )


def _used(usage: object) -> tuple[int, int] | None:
    """Return the tokens read and written, None where a server does not say or cannot count."""
    try:
        said = _Usage.model_validate(usage)
    except ValidationError:
        return None
    return said.prompt_tokens, said.completion_tokens
