import pytest

from services.researcher.llm.asking.redacting import kept, redacted


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key sk-proj-abcdefghij0123456789!", "key <secret>!"),
        ("HF_TOKEN=hf_abcdefghijABCDEFGHIJ0123", "HF_TOKEN=<secret>"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer <secret>"),
        ("redis://user:pa$$word@host:6379/0", "redis://<secret>@host:6379/0"),
        ("redis://:pa$$word@host:6379/0", "redis://<secret>@host:6379/0"),
        ('{"a":"Bearer abc.def-123456","b":1}', '{"a":"Bearer <secret>","b":1}'),
        ("AKIAABCDEFGHIJKLMNOP", "<secret>"),
    ],
)
def test_keys_and_passwords_are_taken_out(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    ["a risk-averse disk-heavy task-oriented plan", "the bearer of news", "http://host:80/a@b", ""],
)
def test_words_are_left_as_they_are(text: str) -> None:
    assert redacted(text) == text


def test_the_users_key_is_taken_out_whatever_it_looks_like() -> None:
    assert redacted("token token-abc123, again token-abc123", "token-abc123") == (
        "token <key>, again <key>"
    )


def test_a_cut_leaves_no_half_of_a_key() -> None:
    assert kept("x" * 8 + "SECRETKEY", "SECRETKEY", most=12) == "xxxxxxxx<ke…"
