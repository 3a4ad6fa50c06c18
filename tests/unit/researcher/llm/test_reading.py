import time

import pytest

from services.researcher.llm.asking.reading import LONGEST, read
from shared.asking.question import Shape
from shared.errors import Rejected


class Pair(Shape):
    a: int
    b: str = ""


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'Here it is: {"a": 1}. Good luck {friend}!',
        '```json\n{"a": 1}\n```',
        '{"a": "no"} and then {"a": 1}',
        '{not json} {"a": 1, "more": {"a": 2}}',
        '{"a": 1, "b": ""} {"unfinished',
        '{"a": 2} would be wrong, so {"a": 1}',
        "{" * 900 + ' {"a": 1}',
    ],
)
def test_the_last_object_that_fits_is_taken_whatever_stands_around_it(text: str) -> None:
    assert read(Pair, text) == Pair(a=1)


@pytest.mark.parametrize("sign", ["\x1f", "\\u0000", "\\u001b", "\\ud800"])
def test_signs_that_no_terminal_should_be_sent_are_left_out(sign: str) -> None:
    assert read(Pair, f'{{\r"a"\t: 1, "b": "x{sign}\ny"}}') == Pair(a=1, b="x\ny")


def test_a_number_that_is_none_is_no_json() -> None:
    with pytest.raises(Rejected, match="no whole object"):
        read(Pair, '{"a": NaN}')


def test_braces_inside_of_texts_are_no_objects() -> None:
    assert read(Pair, '{"a": 1, "b": "{\\"a\\": 2}"}') == Pair(a=1, b='{"a": 2}')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found nothing"),
        ("I cannot.", "no whole object"),
        ('{"a": ', "no whole object"),
        ("[1, 2]", "no whole object"),
        ('{"b": "x"}', "a: is required and missing"),
        ('{"a": 1.5}', "a: Input should be a valid integer"),
        ("x" * (LONGEST + 1), "found 60,001 characters"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        read(Pair, text)


@pytest.mark.parametrize("depth", [600, 900])
@pytest.mark.parametrize(("begins", "ends"), [('{"a":', "}"), ('{"a":[', "]}")])
def test_what_is_too_deep_to_be_read_does_not_fit(begins: str, ends: str, depth: int) -> None:
    with pytest.raises(Rejected):
        read(Pair, begins * depth + "1" + ends * depth)


def test_what_was_cut_off_is_to_be_shorter() -> None:
    with pytest.raises(Rejected, match="be shorter"):
        read(Pair, '{"a": 1, "b": "and so', is_cut_off=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 9000,
        "{" * LONGEST,
        '{"' * 30_000,
        '{"a":1,' * 8000,
        '{"a":[1,' * 7500,
        '{"a":' * 900 + '"' + "x" * 50_000 + '"' + "}" * 900,
    ],
)
def test_text_made_to_take_long_does_not(text: str) -> None:
    began = time.process_time()

    with pytest.raises(Rejected):
        read(Pair, text)

    assert time.process_time() < began + 1.5
