"""The smallest thing that satisfies a JSON schema of the kind language models are given. Pure."""

import math
import re
from typing import Any

WORDS = ("a", "A", "1", "0", "a1", "a-1", "a_1", "a.b", "0.5", "1e-4")
"""Tried, in this order and repeated, where a schema has a pattern."""


def smallest(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """Return the same smallest instance for the same schema.

    Args:
        schema: of draft 2020-12; of an object only what is required is given.
        root: where its references point to; the schema itself by default.

    Raises:
        ValueError: it has a pattern that none of a few words satisfies.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return smallest(_referred(schema["$ref"], root), root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return smallest({**_without(schema, choice), **schema[choice][0]}, root)
    if "allOf" in schema:
        merged = _without(schema, "allOf")
        for part in schema["allOf"]:
            merged |= _referred(part["$ref"], root) if "$ref" in part else part
        return smallest(merged, root)
    kind = schema.get("type", "object")
    return _of_type(kind if isinstance(kind, str) else kind[0], schema, root)


def _of_type(kind: str, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    match kind:
        case "object":
            fields = schema.get("properties", {})
            return {name: smallest(fields[name], root) for name in schema.get("required", ())}
        case "array":
            firsts = schema.get("prefixItems", [])
            rest = [schema.get("items", {})] * (schema.get("minItems", 0) - len(firsts))
            return [smallest(item, root) for item in [*firsts, *rest]]
        case "string":
            return _string(schema)
        case "integer":
            return math.ceil(_number(schema))
        case "number":
            found = _number(schema)
            return int(found) if found.is_integer() else found
        case "boolean":
            return False
        case _:
            return None


def _string(schema: dict[str, Any]) -> str:
    least: int = schema.get("minLength", 0)
    pattern: str | None = schema.get("pattern")
    if pattern is None:
        return "a" * least
    for word in ("", *WORDS):
        text = word * max(1, math.ceil(least / max(1, len(word))))
        if len(text) >= least and re.search(pattern, text):
            return text
    raise ValueError(f"wanted a pattern that a word such as {WORDS} satisfies, found {pattern!r}")


def _number(schema: dict[str, Any]) -> float:
    """Return the number in range that is closest to 0, a whole one if there is."""
    low = schema.get("minimum", -math.inf)
    high = schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = 1 if schema.get("type") == "integer" else min(1.0, _width(schema) / 2)
    if above is not None:
        low = max(low, above + step)
    if below is not None:
        high = min(high, below - step)
    return float(min(max(0, low), high))


def _width(schema: dict[str, Any]) -> float:
    low = schema.get("exclusiveMinimum", schema.get("minimum", -math.inf))
    high = schema.get("exclusiveMaximum", schema.get("maximum", math.inf))
    return float(high - low)


def _referred(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _without(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}
