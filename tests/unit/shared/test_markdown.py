import pytest

from shared.markdown import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see WWW.x.y and wWw.x.y", r"see WWW\.x.y and wWw\.x.y"),
        ("write to ann@x.y", r"write to ann\@x.y"),
        ("&#104;ttp&colon;//x.y", r"\&#104;ttp\&colon;//x.y"),
    ],
)
def test_no_address_becomes_a_link(text: str, shown: str) -> None:
    assert plain(text) == shown
