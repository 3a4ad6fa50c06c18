"""Lets a language model call tools before it answers."""

from collections.abc import Mapping, Sequence

from services.researcher.llm.adviser import Tool
from services.researcher.llm.asking import Desk, Heard, ToolsRefused, apart
from services.researcher.llm.replies import Reply, ToolCall
from services.researcher.llm.talk import Talk
from services.researcher.llm.tools import call as call_tool
from services.researcher.llm.tools import described

ROUNDS = 6
"""Times a model may look things up before it answers."""

CALLS = 4
"""Tools it may call in one round."""


def look_up(desk: Desk, talk: Talk, tools: Sequence[Tool]) -> Heard | None:
    """Return the first reply that calls no tool, or None when it was enough or not possible.

    No schema is asked for meanwhile: it would keep the model from calling tools. What a model looks
    up stays in the talk.

    Raises:
        services.researcher.llm.adviser.NoCounsel: see `Desk.put`.
    """
    known = {tool.__name__: tool for tool in tools}
    before: Reply | None = None
    for _ in range(ROUNDS):
        if not tools or not desk.endpoint.takes_tools:
            return None
        offered = {"tools": [described(tool) for tool in tools]}
        try:
            heard = desk.put(talk.prompt, talk.messages, offered)
        except ToolsRefused:
            desk.endpoint.takes_tools = False
            return None
        if not heard.reply.calls:
            return heard
        strays = sorted({call.name[:80] for call in heard.reply.calls} - known.keys())
        desk.note(heard, f"there is no tool {', '.join(strays)}" if strays else None)
        if before is not None and heard.reply.words == before.words:
            return None  # it goes in circles
        _call(desk, talk, heard.reply, known)
        before = heard.reply
    return None


def _call(desk: Desk, talk: Talk, reply: Reply, known: Mapping[str, Tool]) -> None:
    """Add to a talk what the tools say that a reply calls."""
    results: list[tuple[ToolCall, str]] = []
    share = _left(desk, talk) // min(CALLS, len(reply.calls))
    for nth, call in enumerate(reply.calls):
        desk.give_up()
        tool = known.get(call.name)
        if tool is None:
            text = f"There is no tool {call.name[:80]!r}; there are {', '.join(known)}."
        elif nth >= CALLS:
            text = f"Not called: at most {CALLS} at once."
        else:
            text = _cut(desk, call_tool(tool, call.arguments), share)
        results.append((call, text))
    talk.add_results(reply, results)


def _left(desk: Desk, talk: Talk) -> int:
    """Return how many tokens may be looked up, so that an answer and its repairs still fit."""
    window = desk.endpoint.window()
    used = desk.tokens(talk.messages, {}) + desk.settings.max_tokens
    return max(0, window - used - apart(window) // 2)


def _cut(desk: Desk, text: str, tokens: int) -> str:
    """Return as much of a text as about so many tokens say."""
    has = desk.endpoint.count(text)
    return text if has <= tokens else f"{text[: len(text) * tokens // has]}… (cut: no room)"
