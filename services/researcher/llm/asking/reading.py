"""Reads a model's words as a shape, or says in a sentence that it is told what is wrong. Pure."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from services.researcher.llm.quoting import printable
from shared.asking.question import Shape
from shared.contracts.base import sentences
from shared.errors import Rejected

LONGEST = 60_000
"""Characters of an answer; more is none."""

STARTS = 2000
"""Places in an answer at which JSON may begin; each takes time in proportion to the answer."""

FAULTS = 5
"""Wrong fields that a model is told at once."""

S = TypeVar("S", bound=Shape)


def read(shape: type[S], text: str, *, is_cut_off: bool = False) -> S:
    """Return what a model says, which may have put words around it.

    Of several objects the last that fits counts: models think before they answer. Signs that no
    terminal should be sent are left out.

    Raises:
        Rejected: none fits; the sentence is for the model.
    """
    if len(text) > LONGEST:
        raise Rejected(f"wanted JSON, found {len(text):,} characters; say it in fewer")
    if not text.strip():
        raise Rejected("wanted JSON, found nothing; reply with the object alone")
    wrong: ValidationError | None = None
    for candidate in reversed(list(_objects(text))):
        try:
            return shape.model_validate_json(candidate)
        except ValidationError as error:
            wrong = wrong or error
    if is_cut_off:
        raise Rejected("wanted whole JSON, found it cut off because it was too long; be shorter")
    if wrong is None:
        raise Rejected("wanted JSON, found no whole object; reply with the object alone")
    said = sentences(wrong.errors())
    more = f"; and {len(said) - FAULTS} more" if len(said) > FAULTS else ""
    raise Rejected("; ".join(said[:FAULTS]) + more)


def _objects(text: str) -> Iterator[str]:
    """Yield the JSON objects in a text as JSON, without those inside of others."""
    # Not strict: the grammars of vLLM 0.32 let control characters into texts.
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
    start = text.find("{")
    for _ in range(STARTS):
        if start < 0:
            return
        end = start + 1
        with suppress(ValueError, RecursionError):
            found, end = decoder.raw_decode(text, start)
            # The decoder takes what is too deep for these two, and nothing inside of it counts.
            yield json.dumps(_printable(found))
        start = text.find("{", end)


def _printable(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case list():
            return [_printable(item) for item in value]
        case dict():
            return {name: _printable(item) for name, item in value.items()}
        case _:
            return value


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
