"""What is said between the researcher and its language model about one question. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.researcher.llm.prompts import Prompt
from services.researcher.llm.redacting import redacted
from services.researcher.llm.replies import Reply, ToolCall
from shared.asking.probe import name_of
from shared.asking.question import Shape
from shared.contracts.counsel import Message

Sent = dict[str, Any]
"""A message as OpenAI's API has it."""

REPEATED = 1500
"""Characters of a wrong answer that a model is shown again: what is wrong with it says the rest."""

EXPLAINED = 1500
"""Characters of what it is told about a wrong answer."""


@dataclass
class Talk:
    """A question, what was looked up for it, and the last wrong answer with the reason.

    Earlier wrong answers are left out, so that a talk does not grow with every repair.
    """

    prompt: Prompt
    opening: list[Sent]
    by_schema: bool
    """Whether the server is asked to keep replies to the schema."""
    looked_up: list[Sent] = field(default_factory=list)
    repair: list[Sent] = field(default_factory=list)

    @property
    def messages(self) -> list[Sent]:
        """All that is sent."""
        return [*self.opening, *self.looked_up, *self.repair]

    def add_results(self, reply: Reply, results: Sequence[tuple[ToolCall, str]]) -> None:
        """Add what the model wanted to know."""
        self.looked_up.append({**_said(reply.text), "tool_calls": _calls(reply)})
        self.looked_up += [
            {"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results
        ]

    def repair_with(self, reply: Reply, why: str) -> None:
        """Put a wrong answer and what is wrong with it in place of the one before."""
        said = reply.text[:REPEATED] + " ".join(f"(called {call.name})" for call in reply.calls)
        told = f"This cannot be used: {why[:EXPLAINED]}\nReply with the corrected JSON object."
        self.repair = [_said(said), _told(told)]


def opening(prompt: Prompt, told: str, shape: type[Shape], *, with_schema: bool) -> list[Sent]:
    """Return the first two messages, with the schema in words where nothing else says it."""
    text = f"{prompt.text}\n\n{_schema_words(shape)}" if with_schema else prompt.text
    return [{"role": "system", "content": text}, _told(told)]


def clean(sent: Sequence[Sent], key: str | None) -> list[Sent]:
    """Return messages without a key, and without what looks like one of somebody else."""
    return [{**message, "content": redacted(message["content"], key)} for message in sent]


def as_messages(sent: Sequence[Sent]) -> list[Message]:
    """Return messages as they are kept, calls of tools as JSON."""
    return [Message(role=message["role"], text=_text(message)) for message in sent]


def _schema_words(shape: type[Shape]) -> str:
    schema = json.dumps(shape.model_json_schema())
    return (
        "Reply with one JSON object and no other words. It follows the JSON schema "
        f"{name_of(shape)}:\n{schema}"
    )


def _said(text: str) -> Sent:
    # Some templates take no empty message.
    return {"role": "assistant", "content": text or "(nothing)"}


def _told(text: str) -> Sent:
    return {"role": "user", "content": text}


def _calls(reply: Reply) -> list[Sent]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _as_json(call.arguments)},
        }
        for call in reply.calls
    ]


def _as_json(arguments: str) -> str:
    """Return arguments as they can be sent: vLLM refuses a talk in which some are no JSON."""
    try:
        return json.dumps(dict(json.loads(arguments)))
    except (ValueError, TypeError, RecursionError):
        return "{}"


def _text(message: Sent) -> str:
    calls = message.get("tool_calls")
    said = message["content"]
    return said if calls is None else f"{said}\n{json.dumps(calls)}"
