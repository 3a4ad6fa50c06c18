"""What each kind of grader computes. Runs confined, so all it needs is imported before."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

Grade: TypeAlias = Callable[[str, str, str], object]
"""From prompt, reference and answer to the grade."""

MODULES = (
    "ast",
    "bisect",
    "collections",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "encodings.idna",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "html.parser",
    "itertools",
    "json",
    "math",
    "numbers",
    "operator",
    "random",
    "re",
    "statistics",
    "string",
    "textwrap",
    "time",
    "typing",
    "unicodedata",
    "urllib.parse",
    "xml.etree.ElementTree",
    "_strptime",
)
"""What a Python grader may import, beside what these import themselves."""


class Unfit(Exception):
    """What the job brought cannot grade; the message says why."""


def load(kind: str) -> None:
    """Import all that a kind of grader may need."""
    for name in MODULES:
        import_module(name)
    if kind == "json_schema":
        _json_schema({"const": 1}, same=False)("", "1", "1")


def grade_of(grader: dict[str, Any]) -> Grade:
    """Return what a grader, as its contract in JSON, computes.

    Raises:
        Unfit: it computes nothing.
    """
    match grader["kind"]:
        case "python":
            names: dict[str, Any] = {"__name__": "grader"}
            exec(compile(grader["code"], "grader", "exec"), names)
            grade: Grade = names["grade"]
            return grade
        case "regex":
            return _regex(grader["pattern"])
        case _:
            return _json_schema(grader["json_schema"], same=grader["same"])


def _regex(pattern: str) -> Grade:
    compiled = re.compile(pattern)

    def found(text: str) -> str | None:
        places = list(compiled.finditer(text))
        return (places[-1][1 if compiled.groups else 0] or "").strip() if places else None

    def grade(_: str, reference: str, answer: str) -> bool:
        wanted = found(reference)
        if wanted is None:
            raise Unfit(f"finds its pattern nowhere in the reference {reference[:80]!r}")
        return found(answer) == wanted

    return grade


def _json_schema(schema: dict[str, Any], *, same: bool) -> Grade:
    import jsonschema
    import referencing

    kind = jsonschema.Draft202012Validator
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Unfit(f"has no valid schema: {error.message} at {error.json_path}"[:300]) from None
    # An empty registry: schemas elsewhere are not fetched.
    validator = kind(schema, registry=referencing.Registry())

    def grade(_: str, reference: str, answer: str) -> bool:
        said = _read(answer)
        if said is None or not validator.is_valid(said[0]):
            return False
        wanted = _read(reference) if same else said
        return wanted is not None and kind({"const": wanted[0]}).is_valid(said[0])

    return grade


def _read(text: str) -> tuple[Any] | None:
    """Return what a text says in JSON, None if it is none."""
    try:
        return (json.loads(text, parse_constant=_no_number),)
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
