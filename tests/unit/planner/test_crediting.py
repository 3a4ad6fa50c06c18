"""Who proposes, and what decides that."""

import math
from collections import Counter

import pytest

from services.planner.crediting import LEAST, WORST, Record, llm_share, proposers, records
from services.planner.report import report
from services.planner.state import JobState, fold
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.counsel import Proposer
from shared.contracts.job import JobSpec, Search
from shared.contracts.proposal import Proposals, ProposeRequest
from shared.contracts.run import Failed, RunRequest
from shared.contracts.work import Request, Result
from tests.support.advised import COUNSEL, Worth, advised
from tests.support.examples import FAILED, JOB
from tests.support.planning import Answer, Bench, with_search


def spec_of(rules_share: float | None = None, *, experiments: int = 16) -> JobSpec:
    search = Search(smallest_gain=0, rules_share=rules_share)
    return with_search(search, experiments=experiments)


def worth_of(rules: float, llm: float) -> Worth:
    """Scores about a proposer's mean, never twice the same."""

    def worth(proposer: Proposer, number: ExperimentId) -> float:
        return (rules if proposer == "rules" else llm) + 0.01 * (number % 7)

    return worth


def ended(worth: Worth, *, experiments: int = 16) -> JobState:
    return Bench(spec_of(experiments=experiments), advised(worth)).run_to_the_end()


def asked_of(state: JobState) -> list[Proposer]:
    asked = [one for one in state.ordered.values() if isinstance(one, ProposeRequest)]
    return [who for request in asked for who in request.proposers]


def record_of(state: JobState, proposer: Proposer) -> Record:
    return next(record for record in records(state) if record.proposer == proposer)


def test_without_a_language_model_nobody_is_named_and_nothing_of_it_shows() -> None:
    bench = Bench(spec_of())

    state = bench.run_to_the_end()

    assert asked_of(state) == []
    assert bench.view.proposers == ()
    assert "Who proposed" not in report(state, now=bench.now).markdown
    assert "language model" not in report(state, now=bench.now).markdown


@pytest.mark.parametrize("rules_share", [0.0, 0.25, 0.5, 0.8, 1.0])
def test_a_share_that_the_job_gives_is_kept_to_and_spread_evenly(rules_share: float) -> None:
    state = Bench(spec_of(rules_share), advised(worth_of(0.5, 0.5))).run_until(
        lambda state: state.brief is not None
    )
    numbers = [ExperimentId(number) for number in range(1, 201)]

    found = proposers(state, ROOT, numbers)

    for first in range(0, 180, 10):
        among_20 = Counter(found[first : first + 20])["rules"]
        assert abs(among_20 - 20 * rules_share) <= 2


def test_a_share_that_the_job_gives_holds_before_anything_is_known_of_a_model() -> None:
    state = Bench(spec_of(0.25)).state
    numbers = [ExperimentId(number) for number in range(1, 21)]

    assert state.advice.model is None
    assert 4 <= Counter(proposers(state, ROOT, numbers))["rules"] <= 6
    assert records(state) == ()


def test_who_earns_more_is_asked_more_often() -> None:
    good, bad = ended(worth_of(0.4, 0.8)), ended(worth_of(0.8, 0.4))

    assert llm_share(good) == pytest.approx(1 - LEAST)
    assert llm_share(bad) == pytest.approx(LEAST)
    assert asked_of(good).count("llm") > 2 * asked_of(bad).count("llm")


def test_neither_is_ever_forgotten() -> None:
    bad = ended(worth_of(0.8, 0.2), experiments=40)

    latest = asked_of(bad)[-20:]

    assert 3 <= latest.count("llm") <= 6


def test_a_model_that_is_new_is_asked_for_less_than_half_of_the_first_recipes() -> None:
    state = Bench(spec_of(), advised(worth_of(0.5, 0.5))).run_until(
        lambda state: state.brief is not None
    )

    assert LEAST < llm_share(state) < 0.5


def test_while_the_model_is_away_rules_propose_and_it_is_not_debited() -> None:
    state = Bench(spec_of(), advised(worth_of(0.5, 0.5), away=True)).run_to_the_end()

    model, rules = record_of(state, "llm"), record_of(state, "rules")

    assert (model.recipes, model.dropped, model.earned) == (0, 0, ())
    assert model.asked > 0
    assert rules.recipes == sum(e.proposal is not None for e in state.experiments.values())


def test_what_the_researcher_had_to_drop_counts_as_the_worst_of_the_model() -> None:
    bench = Bench(spec_of(), dropping_once())

    state = bench.run_until(lambda state: state.advice.dropped == 1)

    model = record_of(state, "llm")
    assert model.dropped == 1
    assert model.earned[-1] == WORST


def dropping_once() -> Answer:
    usual = advised(worth_of(0.5, 0.5))

    def answer(request: Request) -> Result:
        result = usual(request)
        if isinstance(result, Proposals):
            counsel = COUNSEL.model_copy(update={"dropped": ("#1 did that",)})
            return result.model_copy(update={"counsel": counsel})
        return result

    return answer


def failing(failed: Failed, proposer: Proposer) -> Answer:
    """Runs of a proposer fail."""
    whose: dict[ExperimentId, Proposer] = {}
    usual = advised(worth_of(0.5, 0.5))

    def answer(request: Request) -> Result:
        result = usual(request)
        if isinstance(request, ProposeRequest) and isinstance(result, Proposals):
            its = zip(request.experiments, result.proposals, strict=False)
            whose.update({number: one.proposer for number, one in its})
        if isinstance(request, RunRequest) and whose[request.experiment] == proposer:
            return failed
        return result

    return answer


def test_a_run_that_fails_earns_the_least_and_one_that_was_lost_earns_nothing() -> None:
    lost = Failed(error="WorkerLost", detail="fell silent")
    broken = Bench(spec_of(), failing(FAILED, "llm")).run_to_the_end()
    unlucky = Bench(spec_of(), failing(lost, "llm")).run_to_the_end()

    assert set(record_of(broken, "llm").earned) == {WORST}
    assert llm_share(broken) == pytest.approx(LEAST)
    assert record_of(unlucky, "llm").earned == ()


def test_a_gain_is_the_score_minus_what_was_believed_of_the_place() -> None:
    state = ended(worth_of(0.4, 0.7))
    belief, prior = state.search.posterior, state.search.prior

    model = record_of(state, "llm")

    its = [e for e in state.experiments.values() if e.proposer == "llm"]
    wanted = [
        e.score.value - (prior.draft if e.parent == ROOT else belief.mean[e.parent])
        for e in its
        if e.score is not None and e.parent is not None
    ]
    assert model.gains == pytest.approx(wanted)
    assert model.best == max(e.score.value for e in its if e.score is not None)


def test_one_score_has_no_error_and_none_has_no_gain() -> None:
    none = Record("llm", 0, 0, 0, (), (), None)
    one = Record("llm", 1, 1, 0, (0.25,), (1.0,), 0.5)
    two = Record("llm", 2, 2, 0, (0.0, 0.5), (0.0, 1.0), 0.5)

    assert none.gain is None
    assert one.gain == (0.25, None)
    assert two.gain is not None
    assert two.gain == pytest.approx((0.25, math.sqrt(0.125) / math.sqrt(2)))


def test_the_report_says_who_proposed_what_and_what_it_earned() -> None:
    bench = Bench(spec_of(), advised(worth_of(0.4, 0.7)))
    state = bench.run_to_the_end()

    said = report(state, now=bench.now).markdown

    model = next(view for view in bench.view.proposers if view.proposer == "llm")
    assert "## Who proposed what, and what it earned" in said
    assert model.gain is not None
    row = f"| language model | {model.asked} | {model.recipes} | 0 | {model.gain:+.3f} ± "
    assert row in said
    assert f"| {model.best:.3f} | {model.share:.0%} |" in said


def test_the_same_ledger_asks_the_same_of_the_same() -> None:
    bench = Bench(spec_of(), advised(worth_of(0.5, 0.6)))
    bench.run_to_the_end()
    entries = bench.store.read(JOB)
    numbers = [ExperimentId(number) for number in range(100, 140)]

    for end in range(10, len(entries), 7):
        one, other = fold(entries[:end]), fold(entries[:end])
        assert proposers(one, ROOT, numbers) == proposers(other, ROOT, numbers)
        assert llm_share(one) == llm_share(other)
