"""Asks a server for JSON of a shape it is told only as a schema, to see whether it minds."""

import json
from typing import Literal

from shared.asking.question import Shape, response_format
from shared.asking.server import Server
from shared.errors import Unavailable

MOST = 1024
"""Tokens of a reply: some models think before they say a word."""

ANSWER_S = 30.0
"""Seconds a person may wait for it."""


class Probe(Shape):
    """What no model says that was not made to."""

    ready: Literal["yes"]


RIGHT = '{"ready":"yes"}'
"""All that the schema allows, white space aside."""

TEXT = "This is a test of how you answer. Reply with the JSON object that is asked for."


def ask(server: Server) -> bool:
    """Say whether replies of a server follow JSON schemas.

    Raises:
        Unavailable: it does not answer, or refuses for another reason.
    """
    messages = [{"role": "user", "content": TEXT}]
    body = {"messages": messages, "max_tokens": MOST, "response_format": response_format(Probe)}
    found = server.complete(body, ANSWER_S)
    if found.status in (400, 422):
        return False
    if found.status != 200:
        raise Unavailable(server.refusal(found.status, found.text))
    try:
        return minds(json.loads(found.body)["choices"][0]["message"]["content"] or "")
    except (ValueError, LookupError, TypeError):
        raise Unavailable(server.stranger(found.text)) from None


def minds(text: str) -> bool:
    """Say whether a reply shows that its server minds the schema.

    It does as far as it goes: a grammar lets a poor model put white space between the signs until
    it is cut off.
    """
    said = "".join(text.split())
    return bool(said) and RIGHT.startswith(said)
