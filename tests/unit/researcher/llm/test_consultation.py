import json
import logging
import time
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import Field

from services.researcher.llm.adviser import Adviser, CapReached, ModelAway, ModelUseless
from services.researcher.llm.prompts import Prompt
from shared.answering import GivenUp
from shared.asking.question import Shape
from shared.contracts.counsel import Caps
from shared.errors import Rejected
from tests.support.consulting import JOB, KEY, Consulted, endpoint_of
from trex.fake_llm.answers import Answer, Body, Play, Refuses, Says, wanted
from trex.fake_llm.plays import PLAYS, at_first
from trex.fake_llm.server import FakeLlm


class Idea(Shape):
    why: str = Field(min_length=2, max_length=400)
    factor: Literal["data", "method"]
    k: int = Field(ge=1, le=9)


PROMPT = Prompt("idea", 1, "Have an idea.", "0" * 64)
RIGHT = Idea(why="aa", factor="data", k=1)
PRICES = {"fake": {"input": 1000.0, "output": 2000.0}}


def ask(adviser: Adviser, check: Callable[[Idea], None] = lambda _: None) -> Idea:
    return adviser.ask(PROMPT, "About dates.", Idea, check=check)


def faults(consulted: Consulted) -> list[str | None]:
    return [call.fault for call in consulted.calls]


def last_told(fake: FakeLlm) -> str:
    return str(fake.asked[-1]["messages"][-1]["content"])


def test_an_answer_in_the_shape_is_returned_and_the_call_is_kept() -> None:
    with FakeLlm() as fake:
        consulted = Consulted(fake)

        assert ask(consulted.adviser) == RIGHT

    (call,) = consulted.calls
    assert [message.role for message in call.asked] == ["system", "user"]
    assert [message.text for message in call.asked] == ["Have an idea.", "About dates."]
    assert Idea.model_validate_json(call.reply) == RIGHT
    assert (call.prompt, call.model, call.fault) == ("idea 1 000000000000", "fake", None)


def test_the_schema_is_sent_as_it_is_and_not_in_words() -> None:
    with FakeLlm() as fake:
        ask(Consulted(fake).adviser)

    shape = wanted(fake.asked[0])
    assert shape is not None
    assert shape.name == "idea"
    assert shape.schema == Idea.model_json_schema()
    assert "JSON schema" not in json.dumps(fake.asked[0]["messages"])


@pytest.mark.parametrize("schemas", [True, False])
@pytest.mark.parametrize(
    ("play", "told"),
    [
        ("truncated", "found it cut off because it was too long"),
        ("wrong-types", "why: Input should be a valid string"),
        ("empty", "wanted JSON, found nothing"),
        ("unknown-tool", "a call of run_shell, which there is not"),
        ("long", "found 100,000 characters"),
    ],
)
def test_a_malformed_answer_is_repaired_with_what_is_wrong(
    play: str, told: str, schemas: bool
) -> None:
    with FakeLlm(at_first(1, PLAYS[play])) as fake:
        consulted = Consulted(fake, schemas=schemas)

        assert ask(consulted.adviser) == RIGHT

    assert told in last_told(fake)
    first, second = faults(consulted)
    assert told in (first or "")
    assert second is None
    assert consulted.adviser.counsel.repaired == 1


@pytest.mark.parametrize("schemas", [True, False])
def test_json_in_prose_is_taken_as_it_is(schemas: bool) -> None:
    with FakeLlm(PLAYS["prose"]) as fake:
        consulted = Consulted(fake, schemas=schemas)

        assert ask(consulted.adviser) == RIGHT

    assert faults(consulted) == [None]
    assert consulted.adviser.counsel.repaired == 0


def test_what_a_model_thought_before_its_answer_is_no_answer() -> None:
    thought = '<think>Perhaps {"why": "no", "factor": "method", "k": 9}?</think>'
    with FakeLlm(lambda _, __: Says(thought + RIGHT.model_dump_json())) as fake:
        assert ask(Consulted(fake).adviser) == RIGHT


def test_an_injected_instruction_is_only_text() -> None:
    with FakeLlm(PLAYS["injection"]) as fake:
        found = ask(Consulted(fake).adviser)

    assert found.why.startswith("Ignore previous instructions")
    assert (found.factor, found.k) == ("data", 1)


def test_an_answer_that_fails_its_check_is_given_back_with_the_sentence() -> None:
    def check(idea: Idea) -> None:
        if idea.k == 1:
            raise Rejected("k: wanted 2 or more, found 1; ask for more")

    better = RIGHT.model_copy(update={"k": 2})
    with FakeLlm(at_first(1, PLAYS["valid"], lambda _, __: Says(better.model_dump_json()))) as fake:
        consulted = Consulted(fake)

        assert ask(consulted.adviser, check) == better

    assert "k: wanted 2 or more" in last_told(fake)
    assert faults(consulted) == ["k: wanted 2 or more, found 1; ask for more", None]


def test_after_two_repairs_the_model_is_useless() -> None:
    with FakeLlm(lambda _, nth: Says(f"idea {nth}")) as fake:
        consulted = Consulted(fake)

        with pytest.raises(ModelUseless, match="nothing that can be used after 2 repairs"):
            ask(consulted.adviser)

    assert len(fake.asked) == 3
    assert consulted.adviser.counsel.repaired == 0


def test_a_model_that_repeats_its_wrong_answer_is_not_asked_a_third_time() -> None:
    with FakeLlm(PLAYS["wrong-types"]) as fake:
        with pytest.raises(ModelUseless, match="the same wrong answer twice"):
            ask(Consulted(fake).adviser)

        assert len(fake.asked) == 2


def test_a_repair_shows_only_the_last_wrong_answer_and_only_its_beginning() -> None:
    with FakeLlm(lambda _, nth: Says(f"{nth} " + "x" * 9000)) as fake:
        with pytest.raises(ModelUseless):
            ask(Consulted(fake).adviser)

        roles = [message["role"] for message in fake.asked[-1]["messages"]]
        shown = fake.asked[-1]["messages"][2]["content"]

    assert roles == ["system", "user", "assistant", "user"]
    assert shown.startswith("1 x")
    assert len(shown) == 1500


@pytest.mark.parametrize(
    ("play", "why"),
    [
        ("401", "correct OPENAI_API_KEY"),
        ("402", "wants to be paid"),
        ("429", "too busy"),
        ("500", "broken or starting"),
        ("half-closed", "none came"),
    ],
)
def test_a_model_that_refuses_is_away_and_left_alone(play: str, why: str) -> None:
    with FakeLlm(PLAYS[play]) as fake:
        consulted = Consulted(fake)

        with pytest.raises(ModelAway, match=why):
            ask(consulted.adviser)
        with pytest.raises(ModelAway, match="tried again in"):
            ask(consulted.adviser)

    assert len(fake.asked) == 1
    assert why in (faults(consulted)[0] or "")


def test_a_model_is_left_alone_as_long_as_it_asks() -> None:
    with FakeLlm(PLAYS["429"]) as fake, pytest.raises(ModelAway, match="tried again in 30 s"):
        ask(Consulted(fake).adviser)


def test_a_model_that_answers_again_is_left_alone_briefly_when_it_next_fails() -> None:
    now = [0.0]
    script = ["500", "500", "valid", "500"]
    with FakeLlm(lambda body, nth: PLAYS[script[nth]](body, nth)) as fake:
        consulted = Consulted(fake, endpoint=endpoint_of(fake, clock=lambda: now[0]))
        waits = []
        for _ in script:
            now[0] += 1000
            try:
                ask(consulted.adviser)
            except ModelAway as away:
                waits.append(str(away).rpartition("; ")[2])

    assert waits == [f"it is tried again in {seconds} s" for seconds in (5, 10, 5)]


def test_a_model_that_the_server_does_not_have_is_away() -> None:
    refusal = Refuses(404, "no such model")
    with FakeLlm(lambda _, __: refusal) as fake, pytest.raises(ModelAway, match="correct TREX_R"):
        ask(Consulted(fake).adviser)


def test_a_stalled_answer_counts_as_away_when_its_time_is_up() -> None:
    with FakeLlm(PLAYS["stall"]) as fake, pytest.raises(ModelAway, match="nothing whole within"):
        ask(Consulted(fake, answer_s=0.2).adviser)


def test_a_server_that_is_not_there_is_tried_twice_and_away() -> None:
    pauses: list[float] = []
    with FakeLlm() as fake:
        endpoint = endpoint_of(fake, context_tokens=9000, sleep=pauses.append)
        consulted = Consulted(fake, endpoint=endpoint)

    with pytest.raises(ModelAway, match="start the server, or correct OPENAI_BASE_URL"):
        ask(consulted.adviser)

    assert pauses == [0.5]
    assert consulted.spent.tokens == 0


def test_a_server_that_speaks_something_else_is_away() -> None:
    def play(_: Body, __: int) -> Answer:
        return Refuses(200, "welcome")

    with FakeLlm(play) as fake, pytest.raises(ModelAway, match="wanted a server of language model"):
        ask(Consulted(fake).adviser)


def test_work_that_is_taken_away_ends_while_the_model_thinks() -> None:
    began = time.monotonic()
    with FakeLlm(PLAYS["stall"]) as fake:

        def give_up() -> None:
            if fake.asked:
                raise GivenUp

        consulted = Consulted(fake, give_up=give_up, answer_s=300)
        with pytest.raises(GivenUp):
            ask(consulted.adviser)

    assert time.monotonic() < began + 30
    (call,) = consulted.calls
    assert call.fault == "no longer wanted"
    assert call.spend == consulted.spent
    assert call.spend.tokens > 1024


def test_work_that_is_over_asks_and_reserves_nothing() -> None:
    def give_up() -> None:
        raise GivenUp

    with FakeLlm() as fake:
        consulted = Consulted(fake, give_up=give_up)
        with pytest.raises(GivenUp):
            ask(consulted.adviser)

        assert fake.asked == []
        assert consulted.spent.tokens == 0


def test_a_server_that_takes_schemas_is_asked_once_whether_it_does() -> None:
    with FakeLlm() as fake:
        consulted = Consulted(fake, schemas=None)

        ask(consulted.adviser)
        ask(consulted.adviser)

    assert fake.asked[0]["temperature"] == 0
    names = [shape.name for body in fake.asked if (shape := wanted(body))]
    assert names == ["probe", "idea", "idea"]
    assert consulted.endpoint.takes_schemas is True
    assert consulted.adviser.counsel.calls == 3


def overlooks_schemas(body: Body, nth: int) -> Answer:
    """Answer as a server that knows only what stands in the prompt."""
    return PLAYS["valid"]({**body, "response_format": None}, nth)


@pytest.mark.parametrize("takes_schemas", [True, False])
def test_a_server_without_schemas_is_told_the_shape_in_words(takes_schemas: bool) -> None:
    with FakeLlm(overlooks_schemas, takes_schemas=takes_schemas) as fake:
        consulted = Consulted(fake, schemas=None)

        assert ask(consulted.adviser) == RIGHT

    assert consulted.endpoint.takes_schemas is False
    assert ["response_format" in body for body in fake.asked] == [True, False]
    assert "JSON schema idea:" in fake.asked[1]["messages"][0]["content"]


def test_a_schema_that_is_refused_is_put_in_words() -> None:
    def play(body: Body, nth: int) -> Answer:
        if body.get("response_format"):
            return Refuses(400, "Grammar error: maxLength is too complex")
        return PLAYS["valid"](body, nth)

    with FakeLlm(play) as fake:
        assert ask(Consulted(fake).adviser) == RIGHT
        assert len(fake.asked) == 2


def test_the_first_repair_says_the_schema_in_words() -> None:
    with FakeLlm(at_first(1, PLAYS["empty"])) as fake:
        ask(Consulted(fake).adviser)

    assert "JSON schema idea:" in fake.asked[1]["messages"][0]["content"]
    assert "response_format" in fake.asked[1]


def test_a_question_that_does_not_fit_says_how_many_tokens_are_missing() -> None:
    with FakeLlm(window=1200, tokenizes=False) as fake:
        consulted = Consulted(fake)

        with pytest.raises(ModelUseless, match=r"\d+ tokens are missing in its context window"):
            consulted.adviser.ask(PROMPT, "x" * 900, Idea)

        assert fake.asked == []


def test_a_window_that_is_too_small_for_any_question_is_told_before_one_is_asked() -> None:
    with FakeLlm(window=2048) as fake:
        wanted_of_settings = "lower TREX_RESEARCHER_MAX_TOKENS, or serve a longer context"
        with pytest.raises(ModelUseless, match=wanted_of_settings):
            _ = Consulted(fake).adviser.room


def test_the_room_leaves_out_the_reply_and_what_stands_beside_a_question() -> None:
    with FakeLlm(window=16_000) as fake:
        assert 8000 < Consulted(fake).adviser.room <= 16_000 - 1024 - 2000


def test_a_server_that_finds_a_question_too_long_after_all_says_so() -> None:
    refusal = Refuses(400, "This model's maximum context length is 100 tokens")
    with (
        FakeLlm(lambda _, __: refusal) as fake,
        pytest.raises(ModelUseless, match="or lower TREX_RES"),
    ):
        ask(Consulted(fake).adviser)


def test_a_call_costs_what_the_server_reports() -> None:
    with FakeLlm() as fake:
        consulted = Consulted(fake, prices=PRICES)
        ask(consulted.adviser)

    (call,) = consulted.calls
    assert call.spend.tokens == 7 + 10
    assert call.spend.money == pytest.approx((7 * 1000 + 10 * 2000) / 1e6)
    assert consulted.spent == call.spend == consulted.adviser.counsel.spend


def test_where_nothing_is_reported_the_most_it_can_cost_stands() -> None:
    def play(body: Body, nth: int) -> Answer:
        return Says(RIGHT.model_dump_json(), counted=False)

    with FakeLlm(play) as fake:
        consulted = Consulted(fake)
        ask(consulted.adviser)

    assert consulted.spent.tokens > 1024
    assert consulted.adviser.counsel.spend == consulted.spent


@pytest.mark.parametrize(("play", "is_paid"), [("stall", True), ("401", False), ("500", False)])
def test_a_refusal_costs_nothing_and_a_stall_what_it_may(play: str, is_paid: bool) -> None:
    with FakeLlm(PLAYS[play]) as fake:
        consulted = Consulted(fake, answer_s=0.5 if is_paid else 60.0)
        with pytest.raises(ModelAway):
            ask(consulted.adviser)

    assert (consulted.spent.tokens > 1024) == is_paid


def test_a_cap_is_reached_before_the_question_is_put() -> None:
    with FakeLlm() as fake:
        consulted = Consulted(fake, caps=Caps(tokens=1000))

        with pytest.raises(CapReached, match="the job's cap of 1,000 tokens"):
            ask(consulted.adviser)

        assert fake.asked == []


def test_a_cap_ends_repairs_too() -> None:
    with FakeLlm(lambda _, nth: Says("no" * 5000 + str(nth), "length")) as fake:
        consulted = Consulted(fake, caps=Caps(tokens=4500))

        with pytest.raises(CapReached):
            ask(consulted.adviser)

        assert len(fake.asked) == 2
        assert consulted.spent.tokens <= 4500 + 2500


def test_the_day_has_a_cap_of_its_own() -> None:
    with FakeLlm() as fake, pytest.raises(CapReached, match="the day's cap"):
        ask(Consulted(fake, tokens_per_day=1000).adviser)


def test_capped_money_needs_a_price() -> None:
    with FakeLlm() as fake:
        with pytest.raises(CapReached, match="add it to TREX_RESEARCHER_PRICES"):
            ask(Consulted(fake, caps=Caps(money=1.0)).adviser)
        with pytest.raises(CapReached, match="in money"):
            ask(Consulted(fake, caps=Caps(money=1.0), prices=PRICES).adviser)


@pytest.mark.parametrize("play", PLAYS)
def test_the_key_appears_nowhere(play: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = f"the log says {KEY}, hf_{'a' * 30} and https://me:pass-word@host/x"
    shown = ""
    with FakeLlm(_repeats_what_it_was_told(PLAYS[play])) as fake:
        consulted = Consulted(fake, answer_s=0.3)
        try:
            consulted.adviser.ask(PROMPT, told, Idea)
        except (ModelAway, ModelUseless) as error:
            shown = str(error)
        sent = json.dumps(fake.asked)

    everything = shown + sent + caplog.text + "".join(c.model_dump_json() for c in consulted.calls)
    assert consulted.calls
    assert consulted.notebook.spent(JOB) is not None
    for secret in (KEY, "hf_aaa", "pass-word"):
        assert secret not in everything


@pytest.mark.parametrize("before", [1490, 60_000 - 10])
def test_a_cut_leaves_no_half_of_a_key_in_an_answer(before: int) -> None:
    with FakeLlm(lambda _, __: Says("x" * before + KEY)) as fake:
        consulted = Consulted(fake)
        with pytest.raises(ModelUseless):
            ask(consulted.adviser)
        sent = json.dumps(fake.asked)

    assert KEY[:8] not in sent + "".join(call.model_dump_json() for call in consulted.calls)


def test_an_answer_whose_words_look_like_a_password_stays_an_answer() -> None:
    said = '{"why":"a Bearer authentication","factor":"data","k":1,"x":"http://a:1","y":"b@c"}'
    with FakeLlm(lambda _, __: Says(said)) as fake:
        consulted = Consulted(fake)
        ask(consulted.adviser)

    assert faults(consulted) == [None]


def _repeats_what_it_was_told(play: Play) -> Play:
    def repeat(body: Body, nth: int) -> Answer:
        answer = play(body, nth)
        if isinstance(answer, Says) and answer.text:
            return Says(f"{answer.text} {KEY}", answer.finish_reason)
        return answer

    return repeat


def test_what_is_kept_of_a_text_is_cut() -> None:
    with FakeLlm(PLAYS["long"]) as fake:
        consulted = Consulted(fake)
        with pytest.raises(ModelUseless):
            consulted.adviser.ask(PROMPT, "About dates. " * 6000, Idea)

    (_, told), reply = consulted.calls[0].asked, consulted.calls[0].reply
    assert (len(told.text), len(reply)) == (60_000, 60_000)
