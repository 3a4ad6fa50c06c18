"""The ReAct protocol: how a conversation about tools is written, and how a step is read.

The protocol is that of lagent 0.2 (InternLM/lagent, ``agents/react.py`` and ``actions/parser.py``),
which the published numbers were made with.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.task import Message

THOUGHT, ACTION, ACTION_INPUT = "Thought:", "Action:", "Action Input:"
RESPONSE, FINAL_ANSWER = "Response:", "Final Answer:"

FILE_TYPES = ("image", "audio", "video", "file")
"""Types of arguments that are given as a path."""

SUMMARISE = "Now sum up this conversation and give the final answer. Call no more tools."

_INSTRUCTIONS = """\
You are an assistant who can use external tools.

{tools}

To use a tool, write:
```
{THOUGHT} what to find out next, and whether it takes a tool
{ACTION} the name of the tool, one of [{names}]
{ACTION_INPUT} the arguments of the tool, as one JSON object
```
What the tool returns is then given to you:
```
{RESPONSE} the result of the tool
```
Once you know the answer, or if it takes no tool, write:
```
{THOUGHT} how the answer follows
{FINAL_ANSWER} the answer
```
Begin!"""

Tool = Mapping[str, Any]
"""A tool as ``dataset.json`` describes it: name, description, inputs, outputs."""


@dataclass(frozen=True, slots=True)
class Finish:
    """A step that ends the conversation."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A step that calls a tool, or tries to."""

    tool: str | None
    """None when no tool, or none there is, was named."""

    arguments: Mapping[str, Any] | None
    """None when they are no JSON object with arguments of the tool."""

    works: bool
    """Whether the tool would have run."""


def instructions(tools: Sequence[Tool], paths: Sequence[str]) -> list[Message]:
    """Return the system messages: the protocol with the tools, then the files if there are any."""
    described = _INSTRUCTIONS.format(
        tools="\n\n".join(map(_describe, tools)),
        names=", ".join(tool["name"] for tool in tools),
        THOUGHT=THOUGHT,
        ACTION=ACTION,
        ACTION_INPUT=ACTION_INPUT,
        RESPONSE=RESPONSE,
        FINAL_ANSWER=FINAL_ANSWER,
    )
    messages = [Message("system", described)]
    if paths:
        listed = ", ".join(f"`{path}`" for path in paths)
        messages.append(Message("system", f"The related files are at {listed}"))
    return messages


def write_call(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return a call as it stands in the conversation."""
    return f"{ACTION}{tool}\n{ACTION_INPUT}{json.dumps(arguments)}"


def read_step(answer: str, tools: Sequence[Tool], paths: Sequence[str]) -> Finish | Call:
    """Return the step an answer takes.

    The text after the last "Final Answer:" ends the conversation, whatever else there is. Else the
    last line with "Action:" that is followed by another line names the tool, and everything after
    the first "Action Input:" is its arguments: an answer that goes on to make up a response and a
    second call therefore has none that can be read. A call fails when lagent's tool would: on
    arguments that are unknown, missing, no number where one is wanted, or a file nobody mentioned.
    """
    _, finished, text = answer.rpartition(FINAL_ANSWER)
    if finished:
        return Finish(text)
    name = _named(answer)
    _, given, text = answer.partition(ACTION_INPUT)
    by_name = {tool["name"]: tool for tool in tools}
    # lagent lets "OCR.run" name a method of a tool; "OCR." therefore is OCR, though it fails.
    owner, _, method = name.rpartition(".")
    if not given or (name not in by_name and owner not in by_name):
        return Call(None, None, works=False)
    if name not in by_name and method != "run":
        return Call(owner, None, works=False)
    tool = by_name.get(name) or by_name[owner]
    arguments = _read_arguments(text, tool)
    works = arguments is not None and _accepts(tool, arguments, paths)
    return Call(tool["name"], arguments, works)


def _named(answer: str) -> str:
    for line in reversed(answer.split("\n")[:-1]):
        _, found, name = line.partition(ACTION)
        if found:
            return name.strip()
    return ""


def _read_arguments(text: str, tool: Tool) -> Mapping[str, Any] | None:
    text = text.strip().strip('"')
    if text.rstrip().endswith("\n```"):
        text = text.rstrip().removesuffix("\n```").lstrip().removeprefix("```json\n").strip()
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    names = {argument["name"] for argument in tool["inputs"]}
    needed = {argument["name"] for argument in tool["inputs"] if not argument.get("optional")}
    return arguments if needed <= set(arguments) <= names else None


def _accepts(tool: Tool, arguments: Mapping[str, Any], paths: Sequence[str]) -> bool:
    types = {argument["name"]: argument["type"] for argument in tool["inputs"]}
    return all(_fits(value, types[name], paths) for name, value in arguments.items())


def _fits(value: Any, type: str, paths: Sequence[str]) -> bool:
    if type in FILE_TYPES:
        return value in paths
    if type in ("int", "float"):
        try:
            int(value) if type == "int" else float(value)
        except (TypeError, ValueError, OverflowError):
            return False
    return True  # anything can be made a text or a truth value


def _describe(tool: Tool) -> str:
    inputs = "; ".join(map(_describe_input, tool["inputs"]))
    outputs = "; ".join(map(_describe_output, tool.get("outputs") or ()))
    return "\n".join(
        (
            f"{tool['name']}: {tool.get('description') or ''}".rstrip(),
            f"Args: {inputs}" if inputs else "No argument.",
            f"Returns: {outputs}" if outputs else "No returns.",
        )
    )


def _describe_input(argument: Mapping[str, Any]) -> str:
    told = _shown_type(argument)
    if argument.get("description"):
        told += f", {argument['description']}"
    if argument.get("optional"):
        told += f". Optional, Defaults to {argument.get('default')}"
    return f"{argument['name']} ({told})"


def _describe_output(output: Mapping[str, Any]) -> str:
    told = ", ".join(filter(None, (_shown_type(output), output.get("description"))))
    return f"{output['name']} ({told})" if output.get("name") else told


def _shown_type(value: Mapping[str, Any]) -> str:
    return "path" if value["type"] in FILE_TYPES else value["type"]
