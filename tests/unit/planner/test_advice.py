"""What is told of the researcher's language model: what it cost, and why rules stand in for it."""

import re

from services.planner.report import report
from shared.contracts.brief import BriefRequest
from shared.contracts.counsel import Counsel
from shared.contracts.job import Budget, JobSpec
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import Proposals
from shared.contracts.run import Progress
from shared.contracts.work import Request, Result
from tests.support.advised import AWAY, COUNSEL, advised
from tests.support.examples import JOB, LESSON, SPEC
from tests.support.planning import Answer, Bench

ANSWERS = advised(lambda _, number: 0.1 + 0.05 * number)


def counselled(*counsels: Counsel | None) -> Answer:
    """Proposals come with these counsels, the last for all that follow."""
    usual, left = advised(lambda _, number: 0.1 + 0.05 * number), list(counsels)

    def answer(request: Request) -> Result:
        result = usual(request)
        if isinstance(result, Proposals):
            counsel = left.pop(0) if len(left) > 1 else left[0]
            return result.model_copy(update={"counsel": counsel})
        return result

    return answer


def after_proposals(count: int, *counsels: Counsel | None) -> Bench:
    bench = Bench(SPEC, counselled(*counsels), executors=1)
    bench.run_until(
        lambda state: sum(e.proposal is not None for e in state.experiments.values()) == count
    )
    return bench


def with_caps(**caps: float) -> JobSpec:
    budget = Budget.model_validate({"experiments": 4, **caps})
    return SPEC.model_copy(update={"budget": budget})


def test_what_questions_cost_is_summed_over_brief_proposals_and_lessons() -> None:
    usual = advised(lambda _, number: 0.1 + 0.05 * number)

    def answer(request: Request) -> Result:
        if isinstance(request, DiagnoseRequest):
            return LESSON.model_copy(update={"counsel": COUNSEL})
        return usual(request)

    bench = Bench(SPEC, answer)
    state = bench.run_to_the_end()

    asked = sum(
        request.kind in ("brief", "propose", "diagnose") for request in state.ordered.values()
    )
    spent = bench.view.spent
    assert (spent.llm_calls, spent.llm_tokens, spent.money) == (2 * asked, 1000 * asked, asked / 4)
    said = report(state, now=bench.now).markdown
    assert f"- language model: {2 * asked} calls, {1000 * asked:,} tokens\n" in said
    assert f"- money for them: {asked / 4:g}, by" in said


def test_the_caps_stand_beside_what_was_spent() -> None:
    bench = Bench(with_caps(llm_tokens=50_000, money=20.0), ANSWERS)

    said = report(bench.run_to_the_end(), now=bench.now).markdown

    assert re.search(r"calls, [\d,]+ tokens of 50,000\n", said)
    assert re.search(r"money for them: [\d.]+ of 20,", said)


def test_a_job_without_a_language_model_says_nothing_of_it() -> None:
    bench = Bench()

    state = bench.run_to_the_end()

    assert bench.view.spent.llm_calls == 0
    assert "language model" not in report(state, now=bench.now).markdown


def test_while_rules_stand_in_for_the_model_the_job_and_its_warnings_say_why() -> None:
    bench = after_proposals(1, AWAY)

    assert bench.view.sentence.endswith("; rules stand in for qwen: it does not answer")
    assert "rules stand in for qwen: it does not answer" in bench.view.warnings


def test_a_model_that_answers_again_clears_the_reason() -> None:
    bench = after_proposals(2, AWAY, COUNSEL)

    assert bench.state.advice.fallback is None
    assert "rules stand in" not in bench.view.sentence


def test_an_answer_for_which_no_model_was_asked_leaves_the_reason_as_it_is() -> None:
    bench = Bench(SPEC, counselled(AWAY))

    state = bench.run_until(lambda state: any(e.lesson for e in state.experiments.values()))

    assert state.advice.fallback == "it does not answer"


def test_proposals_that_were_dropped_are_counted() -> None:
    dropped = COUNSEL.model_copy(update={"dropped": ("#1 did that", "learning_rate 2: too high")})

    bench = after_proposals(2, dropped)

    assert any(said.startswith("4 proposals of qwen were dropped") for said in bench.view.warnings)


def test_a_job_that_waits_for_its_model_says_so() -> None:
    waits = "waiting for the language model at http://localhost:8000/v1: connection refused"
    bench = Bench(SPEC, ANSWERS)
    bench.plan()
    claim = bench.store.claim(JOB, bench.rung[0], lease_s=60)
    assert claim is not None
    assert isinstance(claim.request, BriefRequest)

    bench.store.renew(claim, lease_s=60, progress=Progress(phase=waits))

    assert f"studying the training data: {waits}" in bench.view.sentence
