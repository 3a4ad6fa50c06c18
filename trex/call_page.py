"""Questions to the researcher's language model and its replies, as a terminal shows them. Pure."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from shared.contracts.counsel import Call, Message
from trex.words import clean, duration_words

MOST_CHARS = 1500
"""Of one text, unless all of it is wanted."""


def call_pages(calls: Sequence[Call], *, full: bool) -> list[Group]:
    """Return a page a call, in the order of the calls.

    Args:
        calls: as the notebook has them.
        full: whether to cut no text, and to repeat what the call before was sent as well.
    """
    sent: tuple[Message, ...] = ()
    pages = []
    for place, call in enumerate(calls, start=1):
        known = 0 if full else _in_common(sent, call.asked)
        pages.append(Group(*_parts(place, call, known, MOST_CHARS if not full else None)))
        sent = call.asked
    return pages


def _parts(place: int, call: Call, known: int, most: int | None) -> Iterator[RenderableType]:
    yield Rule(Text(f"{place}. {clean(_heading(call))}"), align="left", style="dim")
    if known:
        yield Text(f"as before: {known} {'message' if known == 1 else 'messages'}", "dim")
    for message in call.asked[known:]:
        yield from _said(message.role, "bold", message.text, most)
    if call.reply:
        yield from _said("reply", "bold green", call.reply, most)
    if call.fault is not None:
        yield Text(f"of no use: {clean(call.fault)}", "red")


def _heading(call: Call) -> str:
    cost = f"{call.spend.tokens:,} tokens"
    if call.spend.money:
        cost += f", money {call.spend.money:.4g}"
    return f"{call.prompt} · {call.model} · {cost} · {duration_words(call.seconds)}"


def _said(who: str, style: str, text: str, most: int | None) -> Iterator[RenderableType]:
    yield Text(who, style)
    shown = text if most is None or len(text) <= most else text[:most]
    yield Padding(Text("\n".join(map(clean, shown.splitlines()))), (0, 0, 0, 2))
    if len(shown) < len(text):
        left = len(text) - len(shown)
        yield Text(f"  … {left:,} more characters; --full shows them", "dim")


def _in_common(before: Sequence[Message], now: Sequence[Message]) -> int:
    """Return how many messages both begin with."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(before), len(now)))
