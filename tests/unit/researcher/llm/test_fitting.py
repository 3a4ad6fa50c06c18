import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.researcher.llm.adviser import RoomTooSmall
from services.researcher.llm.telling.fitting import Form, Section, fitted, section
from tests.unit.researcher.llm.golden_texts import tokens

IMPORTANT = section("Important", 9, (Form("i" * 400), Form("i" * 40, "most i")))
TRIFLE = section("Trifle", 1, (Form("t" * 400), Form("t" * 40, "most t")), lost="all t")
NEEDED = section("Needed", 1, (Form("n" * 400), Form("n" * 40, "most n")), needed=True)
FULL = tokens(fitted((IMPORTANT, TRIFLE), 10_000, tokens))


def test_all_is_told_in_order_where_there_is_room() -> None:
    told = fitted((IMPORTANT, TRIFLE), FULL, tokens)

    assert told == f"## Important\n\n{'i' * 400}\n\n## Trifle\n\n{'t' * 400}\n"


def test_what_matters_less_gives_way_first_and_that_is_said() -> None:
    told = fitted((IMPORTANT, TRIFLE), FULL - 1, tokens)

    assert "i" * 400 in told
    assert "t" * 41 not in told
    assert told.endswith("Left out for want of room: most t.\n")


def test_what_is_left_out_altogether_is_said() -> None:
    told = fitted((IMPORTANT, TRIFLE), 40, tokens)

    assert "## Trifle" not in told
    assert told.endswith("Left out for want of room: most i; all t.\n")


def test_what_is_needed_stays_and_the_missing_tokens_are_counted() -> None:
    least = fitted((TRIFLE, NEEDED), 30, tokens)

    assert least == f"## Needed\n\n{'n' * 40}\n\nLeft out for want of room: all t; most n.\n"
    with pytest.raises(RoomTooSmall, match=rf"{tokens(least)} tokens at least .* 3 are missing"):
        fitted((TRIFLE, NEEDED), tokens(least) - 3, tokens)


def test_a_form_that_is_no_shorter_than_the_one_before_is_none() -> None:
    assert section("Same", 1, (Form("text"), Form("text", "nothing"))).forms == (Form("text"),)


def test_what_there_is_nothing_to_say_of_has_no_heading() -> None:
    assert "Empty" not in fitted((IMPORTANT, section("Empty", 9, (Form(""),))), FULL, tokens)


def test_a_text_is_counted_once_where_all_fits_and_seldom_where_not() -> None:
    counted: list[str] = []
    many = tuple(
        section(f"S{n}", n, (Form("x" * 300), Form("x" * 100), Form("x"))) for n in range(13)
    )

    def count(text: str) -> int:
        counted.append(text)
        return tokens(text)

    fitted(many, 10_000, count)
    assert len(counted) == 1
    fitted(many, 500, count)
    assert len(counted) <= 8


some_forms = st.lists(st.integers(1, 300), min_size=1, max_size=4).map(
    lambda sizes: [Form("x" * size, "some") for size in sorted(sizes, reverse=True)]
)
some_sections = st.lists(
    st.tuples(st.integers(1, 10), some_forms, st.booleans()), min_size=1, max_size=8
).map(
    lambda drawn: [
        section(f"S{n}", priority, forms, needed=needed)
        for n, (priority, forms, needed) in enumerate(drawn)
    ]
)


@given(some_sections, st.integers(1, 700), st.integers(0, 300))
def test_there_is_never_more_than_room_and_more_room_never_loses_a_section(
    told: list[Section], room: int, more: int
) -> None:
    try:
        small = fitted(told, room, tokens)
    except RoomTooSmall:
        return
    large = fitted(told, room + more, tokens)

    assert tokens(small) <= room
    assert tokens(large) <= room + more
    assert small == fitted(told, room, tokens)
    kept = _sizes(large)
    assert all(size <= kept[title] for title, size in _sizes(small).items())


def _sizes(text: str) -> dict[str, int]:
    """Return how many letters are shown of each section."""
    parts = (part.partition("\n\n") for part in text.split("## ")[1:])
    return {title: rest.count("x") for title, _, rest in parts}
