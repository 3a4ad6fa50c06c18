"""Server-Sent Events as they come off the wire. Pure: text in, events out.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, without lone carriage
returns as line ends. `httpx.Response.iter_lines` is of no use here: it also breaks lines at signs
such as U+2028, which JSON may hold as they are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a stream."""

    event: str
    """Its type; ``message`` when the stream names none."""

    data: str
    """Its lines of data, joined by line feeds."""

    id: str
    """What to send as ``Last-Event-ID`` to go on after it; empty when the stream gave none yet."""


def messages(chunks: Iterable[str]) -> Iterator[Message]:
    """Yield the events in pieces of text cut anywhere; comments and empty events are left out.

    An event that the stream breaks off in the middle of is dropped: it comes again on resuming.
    """
    last_id, fields = "", dict[str, list[str]]()
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        last_id = fields.get("id", [last_id])[-1]
        if "data" in fields:
            event = fields.get("event", ["message"])[-1]
            yield Message(event, "\n".join(fields["data"]), last_id)
        fields = {}


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
