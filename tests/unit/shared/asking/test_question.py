import pytest

from shared.asking.question import Question, Shape, read_as


class Colour(Shape):
    name: str


def question(
    text: str = "2+2?", model: str = "large", seed: int = 0, shape: type[Shape] | None = None
) -> Question:
    return Question(model, [{"role": "user", "content": text}], 9, 0.0, seed, shape)


def test_questions_that_differ_in_anything_have_other_keys() -> None:
    others = [question("2+3?"), question(model="small"), question(seed=1), question(shape=Colour)]

    assert question().key == question().key
    assert len({question().key, *(other.key for other in others)}) == 5


def test_a_shape_is_asked_for_as_openai_wants_it() -> None:
    asked = question(shape=Colour).request["response_format"]

    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    assert asked["json_schema"]["schema"]["required"] == ["name"]
    assert asked["json_schema"]["schema"]["additionalProperties"] is False


def test_plain_text_is_asked_for_without_a_shape() -> None:
    assert "response_format" not in question().request


def test_a_question_costs_its_bytes_and_the_longest_reply_at_most() -> None:
    assert question("二加二").most_tokens == 9 + 9


@pytest.mark.parametrize(
    "text",
    ['{"name": "red"}', 'Sure!\n```json\n{"name": "red"}\n```', '{"name": "red", "why": "x"}'],
)
def test_json_is_read_whatever_stands_around_or_beside_it(text: str) -> None:
    assert read_as(Colour, text) == Colour(name="red")


@pytest.mark.parametrize(
    "text", ["", "red", '{"name": 5}', '{"name": "red"', '{"name": "\\ud800"}']
)
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert read_as(Colour, text) is None
