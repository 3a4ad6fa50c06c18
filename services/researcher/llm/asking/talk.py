"""What is said between the researcher and its language model about one question. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.researcher.llm.asking.redacting import redacted
from services.researcher.llm.asking.replies import Reply
from services.researcher.llm.prompts import Prompt
from shared.asking.question import Shape, name_of
from shared.contracts.counsel import Message

Sent = dict[str, Any]
"""A message as OpenAI's API has it."""

REPEATED = 1500
"""Characters of a wrong answer that a model is shown again: what is wrong with it says the rest."""

EXPLAINED = 1500
"""Characters of what it is told about a wrong answer."""


@dataclass
class Talk:
    """A question, and the last wrong answer with the reason.

    Earlier wrong answers are left out, so that a talk does not grow with every repair.
    """

    prompt: Prompt
    opening: list[Sent]
    by_schema: bool
    """Whether the server is asked to keep replies to the schema."""
    repair: list[Sent] = field(default_factory=list)

    @property
    def messages(self) -> list[Sent]:
        """All that is sent."""
        return [*self.opening, *self.repair]

    def repair_with(self, reply: Reply, why: str) -> None:
        """Put a wrong answer and what is wrong with it in place of the one before."""
        said = reply.words.strip()[:REPEATED]
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
    """Return messages as they are kept."""
    return [Message(role=message["role"], text=message["content"]) for message in sent]


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
