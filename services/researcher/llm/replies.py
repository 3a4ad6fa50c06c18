"""What a server sends back, looked at before it is believed. Pure."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError


class _Function(BaseModel):
    name: str


class _ToolCall(BaseModel):
    function: _Function


class _Message(BaseModel):
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


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
    calls = tuple(call.function.name for call in choice.message.tool_calls or ())
    used = None
    if found.usage is not None and found.usage.prompt_tokens > 0:
        used = found.usage.prompt_tokens, found.usage.completion_tokens
    return Reply(choice.message.content or "", calls, choice.finish_reason == "length", used)
