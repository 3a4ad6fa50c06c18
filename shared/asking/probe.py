"""Asks a server for JSON of a shape it is told only as a schema, to see whether it minds. Pure."""

from typing import Any, Literal

from pydantic import ValidationError

from shared.asking.question import Shape


class Probe(Shape):
    """What no model says that was not made to."""

    ready: Literal["yes"]


TEXT = "This is a test of how you answer. Reply with the JSON object that is asked for."


def response_format(shape: type[Shape]) -> dict[str, Any]:
    """Return how a request asks for a shape."""
    schema = {"name": name_of(shape), "schema": shape.model_json_schema(), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def name_of(shape: type[Shape]) -> str:
    """Return what a shape is called in requests."""
    return shape.__name__.lower()


def minds(text: str) -> bool:
    """Say whether a reply shows that its server minds the schema."""
    try:
        Probe.model_validate_json(text)
    except ValidationError:
        return False
    return True
