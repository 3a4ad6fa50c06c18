from collections.abc import Callable

import pytest
from pydantic import SecretStr

from services.researcher.llm.adviser import ModelAway
from services.researcher.llm.asking.endpoint import WINDOW, Endpoint
from shared.answering import GivenUp
from shared.errors import Rejected
from shared.settings import LlmSettings, ResearcherSettings
from tests.support.consulting import KEY, endpoint_of
from tests.support.web_server import Page, web_server
from trex.fake_llm.server import FakeLlm


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.on_sleep: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


def nothing() -> None: ...


def at(url: str, time: Time) -> Endpoint:
    llm, settings = LlmSettings(base_url=url), ResearcherSettings(model="fake")
    return Endpoint(llm, settings, clock=time, sleep=time.sleep)


def test_the_window_is_what_the_server_says() -> None:
    with FakeLlm(window=9000) as fake:
        assert endpoint_of(fake).window() == 9000


def test_the_window_in_the_settings_counts_for_more() -> None:
    with FakeLlm(window=9000) as fake:
        assert endpoint_of(fake, context_tokens=5000).window() == 5000


def test_a_server_that_lists_no_models_has_the_usual_window() -> None:
    with FakeLlm() as fake:
        llm = LlmSettings(base_url=f"{fake.url}/elsewhere")

        assert Endpoint(llm, ResearcherSettings(model="fake")).window() == WINDOW


def test_tokens_are_counted_by_the_server_once_a_text() -> None:
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake)
        assert endpoint.count("x" * 40) == 10
        assert endpoint.counts_exactly is True

    assert endpoint.count("x" * 40) == 10


def test_where_there_is_no_tokenizer_three_bytes_are_a_token() -> None:
    with FakeLlm(tokenizes=False) as fake:
        endpoint = endpoint_of(fake)

        assert endpoint.count("x" * 40) == 14
        assert endpoint.count("ü" * 3) == 2
        assert endpoint.counts_exactly is False


def test_a_tokenizer_that_is_away_is_asked_again_later() -> None:
    time = Time()
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=time)
    port = int(fake.url.split(":")[2].split("/")[0])
    assert endpoint.count("x" * 40) == 14

    with FakeLlm(port=port):
        assert endpoint.count("x" * 40) == 14
        time.now += 31
        assert endpoint.count("x" * 40) == 10


@pytest.mark.parametrize(
    ("status", "counts"), [(404, False), (405, False), (503, None), (200, None)]
)
def test_only_a_server_that_has_no_tokenizer_is_never_asked_to_count_again(
    status: int, counts: bool | None
) -> None:
    time = Time()
    with web_server(lambda _, __: Page("busy", status)) as web:
        endpoint = at(web.url, time)
        assert endpoint.count("x" * 40) == 14
        assert endpoint.count("x" * 41) == 14
        assert len(web.got) == 1
        time.now += 31
        assert endpoint.count("x" * 42) == 14

    assert endpoint.counts_exactly is counts
    assert len(web.got) == (1 if counts is False else 2)


def test_a_server_that_was_away_may_come_back_as_another() -> None:
    time = Time()
    with FakeLlm(window=9000, tokenizes=False) as fake:
        endpoint = endpoint_of(fake, clock=time)
        assert (endpoint.window(), endpoint.count("x" * 40)) == (9000, 14)
        endpoint.takes_schemas = False
        endpoint.went_away("gone")
        fake.window, fake.tokenizes = 4000, True
        time.now += 6

        assert (endpoint.window(), endpoint.count("x" * 40)) == (4000, 10)
        assert endpoint.takes_schemas is None


def test_after_every_failure_it_is_left_alone_twice_as_long() -> None:
    time = Time()
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=time)
    waits = []
    for _ in range(8):
        endpoint.went_away("gone")
        began = time.now
        while True:
            try:
                endpoint.refuse_while_away()
                break
            except ModelAway:
                time.now += 1
        waits.append(time.now - began)

    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_it_is_left_alone_as_long_as_the_server_says_but_not_for_ever() -> None:
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=Time())

    assert "again in 30 s" in str(endpoint.went_away("busy", 30.0))
    assert "again in 3600 s" in str(endpoint.went_away("busy", 1e9))


def test_an_answer_ends_the_waiting() -> None:
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=Time())
    endpoint.went_away("gone")
    endpoint.came_back()

    endpoint.refuse_while_away()
    assert "again in 5 s" in str(endpoint.went_away("gone"))


def test_a_job_waits_until_the_model_is_there_and_says_why() -> None:
    time, said = Time(), list[str]()
    fake = FakeLlm()
    with fake:
        endpoint = endpoint_of(fake, clock=time, sleep=time.sleep)
    late = FakeLlm(port=int(fake.url.split(":")[2].split("/")[0]))

    def appear() -> None:
        if time.now > 1007 and not late.asked:
            late.asked.append({})
            late.__enter__()

    time.on_sleep = appear
    assert endpoint.wait_until_there(60, nothing, said.append) is True
    late.__exit__(None, None, None)

    assert time.now == 1010
    assert len(said) == 2
    assert "start the server, or correct OPENAI_BASE_URL" in said[0]
    assert said[0].endswith("waiting 60 s more before rules begin")


def test_a_job_does_not_wait_for_ever() -> None:
    time = Time()
    with web_server(lambda _, __: Page("starting", 503)) as web:
        endpoint = at(web.url, time)

        assert endpoint.wait_until_there(12, nothing, lambda _: None) is False

    assert time.now == 1012
    with pytest.raises(ModelAway, match=r"broken or starting .* tried again in 5 s"):
        endpoint.refuse_while_away()


def test_no_job_waits_for_a_model_that_another_waited_for_in_vain() -> None:
    time = Time()
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=time, sleep=time.sleep)
    endpoint.wait_until_there(12, nothing, lambda _: None)
    time.now = 9000

    assert endpoint.wait_until_there(12, nothing, lambda _: None) is False
    assert time.now == 9000
    endpoint.came_back()
    endpoint.wait_until_there(12, nothing, lambda _: None)
    assert time.now == 9012


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (Page("no", 401), "correct OPENAI_API_KEY"),
        (Page("slower", 429), "too busy"),
        (Page('{"data": [{"id": "other"}]}'), "that it has other; correct TREX_RESEARCHER_MODEL"),
        (Page("welcome"), "correct OPENAI_BASE_URL"),
    ],
)
def test_what_waiting_does_not_change_is_not_waited_for(page: Page, told: str) -> None:
    time = Time()
    with web_server(lambda _, __: page) as web:
        endpoint = at(web.url, time)

        assert endpoint.wait_until_there(12, nothing, lambda _: None) is False

    assert time.now == 1000
    with pytest.raises(ModelAway, match=told):
        endpoint.refuse_while_away()


def test_a_server_that_wants_to_be_left_alone_is_though_it_lists_the_model() -> None:
    time = Time()
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=time, sleep=time.sleep)
        endpoint.went_away("busy", 1800.0)

        assert endpoint.wait_until_there(12, nothing, lambda _: None) is False

    with pytest.raises(ModelAway, match="tried again in 1800 s"):
        endpoint.refuse_while_away()


def test_a_server_that_drips_is_looked_at_no_longer_than_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.asking.server.LOOK_S", 0.6)
    drips = Page('{"data": [{"id": "fake"}]}', drip_s=0.2)
    with web_server(lambda _, __: drips) as web:
        endpoint = at(web.url, Time())

        assert endpoint.wait_until_there(0, nothing, lambda _: None) is False

    with pytest.raises(ModelAway, match=r"nothing whole within 0\.6 seconds"):
        endpoint.refuse_while_away()


def test_a_job_that_is_cancelled_while_the_server_is_looked_at_stops_waiting() -> None:
    drips = Page('{"data": [{"id": "fake"}]}', drip_s=0.2)
    with web_server(lambda _, __: drips) as web:
        endpoint = at(web.url, Time())

        def give_up() -> None:
            if web.got:
                raise GivenUp

        with pytest.raises(GivenUp):
            endpoint.wait_until_there(600, give_up, lambda _: None)


def test_a_job_that_is_cancelled_stops_waiting() -> None:
    time = Time()

    def give_up() -> None:
        if time.now > 1002:
            raise GivenUp

    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, clock=time, sleep=time.sleep)
    with pytest.raises(GivenUp):
        endpoint.wait_until_there(600, give_up, lambda _: None)

    assert time.now < 1004


def test_a_key_that_is_refused_is_told_without_it() -> None:
    refused = pytest.raises(ModelAway, match="correct OPENAI_API_KEY")
    with FakeLlm(key="sk-another") as fake, refused as error:
        endpoint_of(fake).window()

    assert KEY not in str(error.value)


def test_what_looks_like_a_key_is_told_to_nobody() -> None:
    secret, said = "sk-of-somebody-else-0123", list[str]()
    with web_server(lambda _, __: Page(f"no {secret}", 503)) as web:
        endpoint = at(web.url, Time())
        endpoint.wait_until_there(1, nothing, said.append)
    said.append(str(endpoint.went_away(f"it has {secret}")))

    assert len(said) == 2
    assert secret not in " ".join(said)


@pytest.mark.parametrize(
    ("llm", "named"),
    [
        ({"base_url": "localhost:8000"}, "OPENAI_BASE_URL: wanted a server"),
        ({"base_url": "http://me:secret@host/v1"}, "OPENAI_BASE_URL: wanted a server"),
        ({"api_key": "with space"}, "OPENAI_API_KEY: wanted a key"),
    ],
)
def test_a_setting_that_cannot_be_is_named(llm: dict[str, str], named: str) -> None:
    key = SecretStr(llm.pop("api_key")) if "api_key" in llm else None

    with pytest.raises(Rejected, match=named) as wrong:
        Endpoint(LlmSettings(**llm, api_key=key), ResearcherSettings(model="fake"))
    assert "secret" not in str(wrong.value)
