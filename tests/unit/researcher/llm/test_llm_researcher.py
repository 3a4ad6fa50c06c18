from collections.abc import Sequence

import pytest

from services.researcher.llm.researcher import LlmResearcher
from services.researcher.rules import RuleResearcher
from shared.contracts.counsel import Proposer
from shared.contracts.proposal import Proposals, ProposeRequest
from tests.support.advising import ScriptedAdviser
from tests.support.researching import Shelf
from tests.unit.researcher.llm.idea_examples import answering, asked, idea
from tests.unit.researcher.researcher_examples import finding, recipe

LINEAR = idea({"kind": "lr_scheduler_type", "to": "linear"})
CONSTANT = idea({"kind": "lr_scheduler_type", "to": "constant_with_warmup"})


def wanted(*proposers: Proposer, awaited: int = 0) -> ProposeRequest:
    """Experiments below #1, from the first number that is free."""
    request = asked([finding(1, recipe(), value=0.4)])
    numbers = tuple(range(2 + awaited, 2 + awaited + max(1, len(proposers))))
    fields = request.model_dump() | {
        "experiments": numbers,
        "proposers": proposers,
        "awaited": awaited,
    }
    return ProposeRequest.model_validate(fields)


def proposed(adviser: ScriptedAdviser, request: ProposeRequest) -> Proposals:
    return LlmResearcher(RuleResearcher(), adviser, Shelf(), lambda: ()).propose(request)


def schedules(answer: Proposals) -> list[str]:
    return [one.recipe.method.lr_scheduler_type for one in answer.proposals]


def by_whom(answer: Proposals) -> list[Proposer]:
    return [one.proposer for one in answer.proposals]


@pytest.mark.parametrize(
    "proposers", [("llm", "rules"), ("rules", "llm"), ("rules", "llm", "rules")]
)
def test_each_experiment_is_proposed_by_whom_it_is_asked_of(proposers: Sequence[Proposer]) -> None:
    answer = proposed(answering([LINEAR]), wanted(*proposers))

    assert by_whom(answer) == list(proposers)
    assert schedules(answer)[list(proposers).index("llm")] == "linear"
    assert answer.counsel is not None
    assert answer.counsel.fallback is None


def test_a_model_that_nothing_is_asked_of_is_not_asked() -> None:
    adviser = answering([LINEAR])

    answer = proposed(adviser, wanted("rules"))

    assert (by_whom(answer), adviser.asked, answer.counsel) == (["rules"], [], None)


def test_everything_is_asked_of_the_model_where_nobody_is_named() -> None:
    assert by_whom(proposed(answering([LINEAR]), wanted())) == ["llm"]


def test_rules_stand_in_for_what_a_model_does_not_propose_and_it_is_said() -> None:
    answer = proposed(answering([LINEAR]), wanted("llm", "llm"))

    assert by_whom(answer) == ["llm", "rules"]
    assert answer.counsel is not None
    assert "found 1; rules fill the rest" in (answer.counsel.fallback or "")


def test_rules_stand_in_for_a_model_that_gives_nothing() -> None:
    answer = proposed(ScriptedAdviser({}), wanted("llm"))

    assert by_whom(answer) == ["rules"]
    assert answer.counsel is not None
    assert "no reply of shape Course" in (answer.counsel.fallback or "")


def test_what_a_model_would_say_to_an_earlier_question_is_left_to_that() -> None:
    answer = proposed(answering([LINEAR, CONSTANT]), wanted("llm", awaited=1))

    assert schedules(answer) == ["constant_with_warmup"]


def test_a_single_idea_belongs_to_the_earlier_question() -> None:
    answer = proposed(answering([LINEAR]), wanted("llm", awaited=1))

    assert by_whom(answer) == ["rules"]
