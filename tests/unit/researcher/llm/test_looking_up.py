import json
from typing import Any, Literal

import pytest

from services.researcher.llm.adviser import ModelUseless
from services.researcher.llm.prompts import Prompt
from shared.answering import GivenUp
from shared.asking.question import Shape
from tests.support.consulting import Consulted
from trex.fake_llm.answers import Answer, Body, Says
from trex.fake_llm.plays import PLAYS
from trex.fake_llm.server import FakeLlm


class Found(Shape):
    year: int


PROMPT = Prompt("find", 1, "Find the year.", "0" * 64)


def year_of(title: str, edition: Literal["first", "last"] = "first") -> str:
    """Return when a paper appeared."""
    return f"{title}, {edition} edition: 1992"


def calls(name: str, arguments: dict[str, Any] | str) -> Says:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Says(None, "tool_calls", ((name, text),))


def then_answers(*says: Says) -> Any:
    """Call tools in turn, then answer."""

    def play(body: Body, nth: int) -> Answer:
        return says[nth] if nth < len(says) else Says('{"year": 1992}')

    return play


def find(fake: FakeLlm, consulted: Consulted | None = None) -> Found:
    consulted = consulted or Consulted(fake)
    return consulted.adviser.ask(PROMPT, "Of Q-learning.", Found, tools=[year_of])


def results(fake: FakeLlm) -> list[str]:
    return [m["content"] for m in fake.asked[-1]["messages"] if m["role"] == "tool"]


def test_a_tool_is_called_and_what_it_says_is_told() -> None:
    with FakeLlm(then_answers(calls("year_of", {"title": "Q-learning"}))) as fake:
        assert find(fake) == Found(year=1992)
        assert results(fake) == ["Q-learning, first edition: 1992"]


def test_a_tool_is_described_by_its_docstring_and_annotations() -> None:
    with FakeLlm(then_answers()) as fake:
        find(fake)

    (tool,) = fake.asked[0]["tools"]
    described = tool["function"]
    assert described["name"] == "year_of"
    assert described["description"] == "Return when a paper appeared."
    assert described["parameters"]["required"] == ["title"]
    assert described["parameters"]["properties"]["edition"]["enum"] == ["first", "last"]


def test_no_schema_is_asked_for_while_tools_are_offered() -> None:
    with FakeLlm(then_answers(calls("year_of", {"title": "Q"}), Says("I know now."))) as fake:
        find(fake)

    has = [("tools" in body, "response_format" in body) for body in fake.asked]
    assert has == [(True, False), (True, False), (False, True)]


def test_a_call_with_wrong_arguments_is_told_what_is_wrong() -> None:
    wrong = (calls("year_of", {"name": "Q"}), calls("year_of", "no json"))
    with FakeLlm(then_answers(*wrong)) as fake:
        find(fake)
        told = results(fake)

    assert "title: is required and missing" in told[0]
    assert "name: no such field" in told[0]
    assert "year_of: the whole: Invalid JSON" in told[1]


def test_arguments_that_are_no_json_are_not_sent_back() -> None:
    with FakeLlm(then_answers(calls("year_of", "no json"))) as fake:
        find(fake)

    (call,) = fake.asked[-1]["messages"][2]["tool_calls"]
    assert call["function"]["arguments"] == "{}"


def test_a_tool_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with FakeLlm(then_answers(calls("run_shell", {"command": "env"}))) as fake:
        consulted = Consulted(fake)

        assert find(fake, consulted) == Found(year=1992)
        assert results(fake) == ["There is no tool 'run_shell'; there are year_of."]

    assert [call.fault for call in consulted.calls] == ["there is no tool run_shell", None]


def test_a_model_that_only_ever_calls_tools_that_do_not_exist_is_useless() -> None:
    with FakeLlm(PLAYS["unknown-tool"]) as fake:
        with pytest.raises(ModelUseless, match="the same wrong answer twice"):
            find(fake)

        assert len(fake.asked) == 4


def test_a_model_that_never_stops_looking_is_made_to_answer() -> None:
    def play(body: Body, nth: int) -> Answer:
        return calls("year_of", {"title": str(nth)}) if "tools" in body else Says('{"year": 1}')

    with FakeLlm(play) as fake:
        assert find(fake) == Found(year=1)
        assert len(fake.asked) == 7


def test_at_most_four_tools_are_called_at_once() -> None:
    many = tuple(("year_of", json.dumps({"title": str(nth)})) for nth in range(6))
    with FakeLlm(then_answers(Says(None, "tool_calls", many))) as fake:
        find(fake)

        assert [text.startswith("Not called") for text in results(fake)] == [False] * 4 + [True] * 2


def test_what_was_looked_up_is_cut_so_that_an_answer_fits() -> None:
    def library(topic: str) -> str:
        """Look into the library."""
        return topic * 50_000

    with FakeLlm(then_answers(calls("library", {"topic": "rows "})), window=8000) as fake:
        consulted = Consulted(fake)
        found = consulted.adviser.ask(PROMPT, "Of rows.", Found, tools=[library])

        assert found == Found(year=1992)
        assert results(fake)[0].endswith("(cut: no room)")
        assert 10_000 < len(results(fake)[0]) < 28_000


def test_a_server_that_takes_no_tools_is_not_offered_any_again() -> None:
    with FakeLlm(then_answers(), takes_tools=False) as fake:
        consulted = Consulted(fake)

        assert find(fake, consulted) == Found(year=1992)
        assert find(fake, consulted) == Found(year=1992)

    assert ["tools" in body for body in fake.asked] == [True, False, False]


def test_a_call_is_kept_with_what_was_called() -> None:
    with FakeLlm(then_answers(calls("year_of", {"title": "Q"}))) as fake:
        consulted = Consulted(fake)
        find(fake, consulted)

    first, second = consulted.calls
    assert 'year_of({"title": "Q"})' in first.reply
    assert [message.role for message in second.asked] == ["system", "user", "assistant", "tool"]


def test_no_tool_is_called_for_work_that_is_over() -> None:
    called: list[str] = []
    over: list[bool] = []

    def noted(word: str) -> str:
        """Note a word."""
        called.append(word)
        over.append(True)
        return word

    def give_up() -> None:
        if over:
            raise GivenUp

    two = Says(None, "tool_calls", (("noted", '{"word": "a"}'), ("noted", '{"word": "b"}')))
    with FakeLlm(then_answers(two)) as fake:
        adviser = Consulted(fake, give_up=give_up).adviser
        with pytest.raises(GivenUp):
            adviser.ask(PROMPT, "Of words.", Found, tools=[noted])

    assert called == ["a"]
