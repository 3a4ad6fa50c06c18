"""The conversations of ``dataset.json``, checked and in the words of the ReAct protocol."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.reading import need, read_json
from ftbench.tasks.gta.react import FILE_TYPES, Tool, write_call
from shared.errors import DataFailed

Wanted = Mapping[str, Any] | Sequence[str] | None
"""Words that must and must not occur in the answer, or answers to be like; None for neither."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a published conversation."""

    role: str
    """``user``, ``assistant`` or ``tool``."""

    text: str
    """How a model reads it later; empty when there is nothing to read."""

    call: Mapping[str, Any] | None = None
    """Name and arguments of the tool that the assistant calls."""

    thought: str = ""
    """Why the assistant calls it."""

    file: str | None = None
    """Path of what a tool returned, when that is a file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One published conversation."""

    id: str
    tools: Sequence[Tool]
    paths: Sequence[str]
    """Files that the user gives."""

    turns: Sequence[Turn]
    wanted: Wanted


def read_samples(path: Path) -> Iterator[Sample]:
    """Yield the conversations of a file, in order.

    Raises:
        DataFailed: the file is no JSON object of conversations as GTA publishes them; the message
            names the conversation.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise DataFailed(
            f"{path}: wanted a JSON object of conversations, found {type(data).__name__}; "
            "is it the published file?"
        )
    for id, row in data.items():
        where = f"{path} record {id!r}"
        need(row, ("tools", "files", "dialogs", "gt_answer"), where)
        yield Sample(
            id=id,
            tools=_tools(row["tools"], where),
            paths=[file["path"] for file in _objects(row["files"], ("path",), f"{where} files")],
            turns=[
                _turn(turn, f"{where} dialogs {number}")
                for number, turn in enumerate(
                    _objects(row["dialogs"], ("role",), f"{where} dialogs"), start=1
                )
            ],
            wanted=_wanted(row["gt_answer"], where),
        )


def _tools(value: Any, where: str) -> list[Mapping[str, Any]]:
    tools = _objects(value, ("name", "inputs"), f"{where} tools")
    for tool in tools:
        _objects(tool["inputs"], ("name", "type"), f"{where} tool {tool['name']}")
        _objects(tool.get("outputs") or [], ("type",), f"{where} tool {tool['name']}")
    return tools


def _turn(turn: Mapping[str, Any], where: str) -> Turn:
    match turn["role"]:
        case "assistant" if "tool_calls" in turn:
            return _call(turn, where)
        case "user" | "assistant":
            return Turn(turn["role"], str(turn.get("content") or ""))
        case "tool":
            return _result(turn.get("content"), where)
        case other:
            raise DataFailed(
                f"{where}: wanted the role user, assistant or tool, found {other!r:.40}; "
                "is it the published file?"
            )


def _call(turn: Mapping[str, Any], where: str) -> Turn:
    calls = _objects(turn["tool_calls"], ("function",), where)
    if not calls:
        raise DataFailed(f"{where}: wanted a tool call, found none; is it the published file?")
    call = need(calls[0]["function"], ("name", "arguments"), where)
    need(call["arguments"], (), f"{where} arguments")
    return Turn(
        "assistant",
        write_call(call["name"], call["arguments"]),
        call=call,
        thought=str(turn.get("thought") or ""),
    )


def _result(content: Any, where: str) -> Turn:
    if not content:
        return Turn("tool", "")
    result = need(content, ("type", "content"), where)
    text = str(result["content"])
    if result["type"] in FILE_TYPES:
        return Turn("tool", f"[{result['type']}]({text})", file=text)
    return Turn("tool", text)


def _wanted(value: Any, where: str) -> Wanted:
    if isinstance(value, Mapping):
        need(value, ("whitelist", "blacklist"), f"{where} gt_answer")
        fine = all(map(_are_texts, value["whitelist"])) and all(
            map(_are_texts, value["blacklist"] or ())
        )
    else:
        fine = value is None or _are_texts(value)
    if not fine:
        raise DataFailed(
            f"{where} gt_answer: wanted lists of aliases, a list of answers or null, found "
            f"{value!r:.80}; is it the published file?"
        )
    wanted: Wanted = value
    return wanted


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _objects(value: Any, columns: Iterable[str], where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise DataFailed(
            f"{where}: wanted a list, found {type(value).__name__}; is it the published file?"
        )
    return [need(one, columns, f"{where} {number}") for number, one in enumerate(value, start=1)]
