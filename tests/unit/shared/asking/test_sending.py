import time
from email.utils import formatdate

import httpx
import pytest

from shared.asking.sending import MOST_BYTES, NoReply, post, retry_after
from trex.fake_llm.answers import Says
from trex.fake_llm.server import FakeLlm

YEAR = f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("30", 30.0), ("1.5", 1.5), ("", None), ("soon", None), ("-3", None), (YEAR, None)],
)
def test_seconds_to_wait_are_read_or_left(said: str, seconds: float | None) -> None:
    assert retry_after(httpx.Headers({"Retry-After": said})) == seconds


def test_a_time_to_wait_until_is_read_as_seconds() -> None:
    until = httpx.Headers({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    past = httpx.Headers({"Retry-After": formatdate(time.time() - 100, usegmt=True)})

    assert retry_after(until) == pytest.approx(99, abs=3)
    assert retry_after(past) == 0


def test_a_reply_that_would_fill_the_memory_is_not_read_to_its_end() -> None:
    with FakeLlm(lambda _, __: Says("x" * MOST_BYTES)) as fake:
        body = {"model": "fake", "messages": []}
        with pytest.raises(NoReply, match="more than") as nothing:
            post(
                f"{fake.url}/chat/completions",
                body,
                headers={},
                answer_s=20,
                give_up=lambda: None,
            )

    assert nothing.value.was_sent
