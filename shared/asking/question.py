"""What a language model is asked and what it replies. Pure.

A reply is data: it becomes text of a sample or is read as a number, and is never an instruction to
this program or code that it runs.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Shape(BaseModel):
    """Base of what a model is to reply as JSON. Fields that nobody asked for are overlooked."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})  # OpenAI insists


S = TypeVar("S", bound=Shape)


def response_format(shape: type[Shape]) -> dict[str, Any]:
    """Return how a request asks for a shape."""
    schema = {"name": name_of(shape), "schema": shape.model_json_schema(), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def name_of(shape: type[Shape]) -> str:
    """Return what a shape is called in requests."""
    return shape.__name__.lower()


@dataclass(frozen=True, slots=True)
class Question:
    """All that decides a reply, as far as who asks can decide it."""

    model: str
    messages: list[dict[str, str]]
    max_tokens: int
    temperature: float
    seed: int
    shape: type[Shape] | None = None
    """Of the reply; None for plain text."""

    @property
    def request(self) -> dict[str, Any]:
        """The body of a request for chat completions."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
        }
        if self.shape is not None:
            body["response_format"] = response_format(self.shape)
        return body

    @property
    def key(self) -> str:
        """SHA-256 of the request, as 64 hexadecimal digits; where the server is does not count."""
        canonical = json.dumps(self.request, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def most_tokens(self) -> int:
        """About the most tokens it can cost: no text has more tokens than bytes."""
        said = sum(len(message["content"].encode()) for message in self.messages)
        return said + self.max_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What a question got."""

    text: str
    """As the model wrote it; of a refusal what the server says."""

    tokens: int
    """Of question and reply, as the server counts them."""

    fault: str | None = None
    """In a few words why it is of no use; None of one that is whole."""


def read_as(shape: type[S], text: str) -> S | None:
    """Return what a reply says in JSON, or None if it cannot be read.

    Some servers overlook the shape they are asked for, so words around the JSON are skipped.
    """
    try:
        return shape.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        return None
