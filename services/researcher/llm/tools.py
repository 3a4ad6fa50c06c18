"""Tools as a language model sees them, and their calls. Pure but for what the tools do."""

import inspect
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from services.researcher.llm.adviser import Tool
from shared.contracts.base import sentences


def described(tool: Tool) -> dict[str, Any]:
    """Return what a request says of a tool: its name, its docstring, a schema of its arguments."""
    return {
        "type": "function",
        "function": {
            "name": tool.__name__,
            "description": inspect.getdoc(tool) or "",
            "parameters": _arguments(tool).model_json_schema(),
        },
    }


def call(tool: Tool, arguments: str) -> str:
    """Return what a tool says, or what is wrong with the arguments."""
    try:
        given = _arguments(tool).model_validate_json(arguments or "{}")
    except ValidationError as error:
        return f"{tool.__name__}: {'; '.join(sentences(error.errors()))}"
    return tool(**{name: getattr(given, name) for name in type(given).model_fields})


def _arguments(tool: Tool) -> type[BaseModel]:
    """Return a model of a function's arguments."""
    fields: dict[str, Any] = {
        name: (it.annotation, ... if it.default is it.empty else it.default)
        for name, it in inspect.signature(tool, eval_str=True).parameters.items()
    }
    return create_model(tool.__name__, __config__=ConfigDict(extra="forbid"), **fields)
