"""What the fake language model can do with a request, and who decides. Pure."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
"""Of a request for chat completions, as it came."""


@dataclass(frozen=True, slots=True)
class Says:
    """A chat completion."""

    text: str | None
    finish_reason: str = "stop"
    calls: tuple[tuple[str, str], ...] = ()
    """Tools it calls: a name, and the arguments as JSON."""
    counted: bool = True
    """Whether it says what it cost."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """A status other than 200, with a reason in OpenAI's form."""

    status: int
    message: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Stalls:
    """Accepts the request and says nothing for so many seconds, then hangs up."""

    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class HangsUp:
    """Closes the connection in the middle of a completion that says this."""

    text: str


Answer = Says | Refuses | Stalls | HangsUp

Play = Callable[[Body, int], Answer]
"""From a request, and how many requests for chat completions came before it, to what happens."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The shape that a request wants its answer in."""

    name: str
    schema: dict[str, Any]


def wanted(body: Body) -> Wanted | None:
    """Return the shape asked for, in ``response_format`` or in a prompt; None if there is none.

    A prompt says it as ``JSON schema NAME:`` and the schema on the next line.
    """
    format_ = (body.get("response_format") or {}).get("json_schema")
    if format_ is not None:
        return Wanted(format_["name"], format_["schema"])
    for message in body["messages"]:
        found = re.search(r"JSON schema (\w+):\n(?=\{)", str(message.get("content") or ""))
        if found is not None:
            schema, _ = json.JSONDecoder().raw_decode(found.string, found.end())
            return Wanted(found[1], schema)
    return None
