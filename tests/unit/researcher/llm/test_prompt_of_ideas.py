import json
import re
from collections.abc import Iterator
from typing import get_args

from services.researcher.llm.prompts import prompt
from services.researcher.llm.proposing.ideas import Idea, Ideas
from services.researcher.llm.proposing.whitelist import Knob

TEXT = prompt("ideas").text
SHAPES = Ideas.model_json_schema()["$defs"]
TOLD_ELSEWHERE = {
    *SHAPES["InLanguage"]["properties"]["languages"]["items"]["enum"],  # codes, by an example
    *get_args(Knob.model_fields["name"].annotation),  # those of the recipe, with its numbers
}


def words() -> Iterator[str]:
    """Yield the fields of a reply and the words it may choose from."""
    for shape in SHAPES.values():
        for name, field in shape["properties"].items():
            yield name
            for said in (field, field.get("items", {})):
                yield from said.get("enum", ())
                yield from filter(None, [said.get("const")])


def test_a_model_is_told_every_choice_for_not_every_server_takes_a_schema() -> None:
    assert {*words()} - TOLD_ELSEWHERE - {*re.findall(r"`(\w+)`", TEXT)} == set()


def test_the_example_in_the_prompt_is_an_idea() -> None:
    example = json.loads(TEXT[TEXT.index('{"ideas"') : TEXT.rindex("}]}") + 3])

    assert [isinstance(one, Idea) for one in Ideas.model_validate(example).ideas] == [True]
