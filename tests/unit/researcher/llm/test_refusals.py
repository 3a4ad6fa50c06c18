import pytest

from services.researcher.llm.asking.refusals import Meaning, meaning


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_means_away(status: int) -> None:
    assert meaning(status, "", with_schema=True) == "away"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model's maximum context length is 8192 tokens"),
        (400, "context_length_exceeded"),
        (400, "the prompt is too long"),
        (413, ""),
    ],
)
def test_what_is_too_long_is_known_whatever_else_was_asked(status: int, said: str) -> None:
    assert meaning(status, said, with_schema=True) == "too long"


@pytest.mark.parametrize(("with_schema", "expected"), [(True, "no schemas"), (False, "refused")])
def test_another_refusal_is_about_the_schema_where_there_is_one(
    with_schema: bool, expected: Meaning
) -> None:
    assert meaning(422, "Extra inputs are not permitted", with_schema=with_schema) == expected
