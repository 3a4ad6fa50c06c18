from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from trex.fake_llm.smallest import smallest


class Part(BaseModel):
    name: str = Field(min_length=3)
    kind: Literal["data", "method"]


class Whole(BaseModel):
    parts: list[Part] = Field(min_length=2)
    share: float = Field(gt=0, lt=0.5)
    steps: int = Field(ge=4, lt=9)
    below: float = Field(lt=0)
    word: str = Field(pattern=r"^\d+$", min_length=4)
    either: Annotated[Part | None, Field()]
    sure: bool
    left_out: str = "as it is"


def test_it_satisfies_the_schema_and_gives_only_what_is_required() -> None:
    schema = Whole.model_json_schema()

    found = smallest(schema)

    jsonschema.validate(found, schema)
    assert "left_out" not in found
    assert found["parts"] == [{"name": "aaa", "kind": "data"}] * 2


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 7}, 7),
        ({"type": ["null", "string"]}, None),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "boolean"}}}, False),
        ({"type": "integer", "exclusiveMinimum": 2}, 3),
        (
            {"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 2},
            [1, 2],
        ),
    ],
)
def test_it_knows_what_schemas_are_made_of(schema: dict[str, Any], expected: object) -> None:
    assert smallest(schema) == expected


def test_a_pattern_that_no_word_satisfies_is_told() -> None:
    with pytest.raises(ValueError, match="wanted a pattern that"):
        smallest({"type": "string", "pattern": "^xyz$"})
