"""Questions to language models, as they are told: what they cost, never what was said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.researcher.llm.adviser import ModelUseless
from services.researcher.llm.prompts import Prompt
from shared.asking.asker import Asker
from shared.asking.pace import Pace
from shared.asking.question import Question, Shape
from shared.asking.replies import Replies
from shared.settings import TeacherSettings
from tests.support.chat_server import ChatServer, problem
from tests.support.consulting import Consulted
from tests.support.listening import Meter, listening
from trex.fake_llm.answers import Refuses
from trex.fake_llm.server import FakeLlm


class Idea(Shape):
    why: str


PROMPT = Prompt("idea", 1, "Have an idea.", "0" * 64)
SECRET = "About the secret of the user."


@pytest.fixture
def meter() -> Iterator[Meter]:
    meter = Meter()
    yield meter
    meter.close()


def test_the_researchers_question_is_told_with_what_it_cost(meter: Meter) -> None:
    with FakeLlm() as fake, listening() as heard:
        consulted = Consulted(fake)
        consulted.adviser.ask(PROMPT, SECRET, Idea)
        told = heard.named("chat fake")
        [call] = consulted.calls

    assert told.kind == "CLIENT"
    usage = [told.attributes[f"gen_ai.usage.{kind}_tokens"] for kind in ("input", "output")]
    assert min(usage) > 0
    assert sum(usage) == call.spend.tokens
    assert {name: told.attributes[name] for name in told.attributes if "usage" not in name} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "fake",
        "gen_ai.response.model": "fake",
        "gen_ai.response.finish_reasons": ["stop"],
        "server.address": "127.0.0.1",
        "server.port": int(fake.url.split(":")[2].split("/")[0]),
    }
    counted = {
        point["gen_ai.token.type"]: tokens
        for point, tokens in meter.points("gen_ai.client.token.usage")
    }
    assert counted == dict(zip(("input", "output"), usage, strict=True))
    assert len(meter.points("gen_ai.client.operation.duration")) == 1


def test_what_is_asked_and_answered_is_never_told() -> None:
    refuses = Refuses(400, f"I will not read {SECRET}")
    with FakeLlm(lambda *_: refuses) as fake, listening() as heard:
        with pytest.raises(ModelUseless, match="secret of the user"):
            Consulted(fake).adviser.ask(PROMPT, SECRET, Idea)
        told = heard.spans

    assert {one.error for one in told} == {"no reply: status 400"}
    assert "of the user" not in repr(told)


def test_nor_is_what_a_teachers_server_repeats_of_it(tmp_path: Path) -> None:
    question = Question("tutor", [{"role": "user", "content": SECRET}], 50, 0.0, 0)
    refuses = problem(400, f"I will not read {SECRET}")
    with ChatServer(lambda *_: refuses) as server, listening() as heard:
        settings = TeacherSettings(url=server.url, key=SecretStr("secret"))
        with Asker(settings, Replies(tmp_path / "kept"), pace=Pace(None)) as asker:
            reply = asker.result(asker.start(question))
        told = heard.named("chat tutor")

    assert "of the user" in reply.text
    assert told.error == "BadRequestError"
    assert "of the user" not in repr(told)


def test_a_teachers_or_judges_question_is_told_likewise(tmp_path: Path) -> None:
    question = Question("tutor", [{"role": "user", "content": SECRET}], 50, 0.0, 0)
    with ChatServer() as server, listening() as heard:
        settings = TeacherSettings(url=server.url, key=SecretStr("secret"))
        with Asker(settings, Replies(tmp_path / "kept"), pace=Pace(None)) as asker:
            asker.result(asker.start(question))
            asker.result(asker.start(question))  # kept by now
        told = heard.named("chat tutor")

    assert told.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert told.attributes["gen_ai.usage.input_tokens"] > 0
    assert SECRET not in repr(told)
