"""Chat completions in the forms of OpenAI and vLLM, in one piece and streamed. Pure."""

from typing import Any

from trex.fake_llm.answers import Body, Says

BYTES_A_TOKEN = 4
PIECE = 24
"""Characters of a streamed piece."""


def tokens_of(text: str) -> int:
    """Return how many tokens a text has, for a model that takes four bytes at a time."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)


def read_tokens(body: Body) -> int:
    """Return how many tokens the messages of a request have."""
    return sum(tokens_of(str(message.get("content") or "")) for message in body["messages"])


def completion(body: Body, says: Says) -> dict[str, Any]:
    """Return a completion as it is sent in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": says.text}
    if says.calls:
        message["tool_calls"] = _calls(says)
    choice = {"index": 0, "message": message, "finish_reason": says.finish_reason}
    return {**_head(body, "chat.completion"), "choices": [choice], **_usage(body, says)}


def events(body: Body, says: Says) -> list[dict[str, Any]]:
    """Return a completion as it is streamed, without the mark of its end."""
    text = says.text or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + PIECE]} for at in range(0, len(text), PIECE)]
    if says.calls:
        deltas.append({"tool_calls": _calls(says)})
    head = _head(body, "chat.completion.chunk")
    pieces = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    end = {"index": 0, "delta": {}, "finish_reason": says.finish_reason}
    return [*pieces, {**head, "choices": [end]}, {**head, "choices": [], **_usage(body, says)}]


def _head(body: Body, kind: str) -> dict[str, Any]:
    return {"id": "fake", "object": kind, "created": 0, "model": body["model"]}


def _calls(says: Says) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call{index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for index, (name, arguments) in enumerate(says.calls)
    ]


def _usage(body: Body, says: Says) -> dict[str, Any]:
    if not says.counted:
        return {}
    read, written = read_tokens(body), tokens_of(says.text or "")
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {"usage": usage}
