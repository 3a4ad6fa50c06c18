"""Whole jobs on which everything goes wrong: each ends, and says what there is to look at."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.report import report
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Fidelity, Search
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import Failed, RunRequest
from shared.contracts.score import Score, ScoreRequest
from shared.contracts.views import JobView
from shared.contracts.work import Request, Result
from tests.support.examples import FAILED, proposals, worker
from tests.support.planning import EVERY_SEARCH, Answer, Bench, good_news, scored, with_search
from tests.support.trouble import troubled

EVERY = pytest.mark.parametrize("search", EVERY_SEARCH, ids=lambda s: f"{s.mode}-{s.fidelity}")


def ended(
    search: Search, answer: Answer, *, experiments: int = 6, gpu_seconds: float | None = None
) -> tuple[JobState, JobView]:
    """A job that was carried through, and what its user is shown."""
    spec = with_search(search, experiments=experiments, gpu_seconds=gpu_seconds)
    bench = Bench(spec, answer)
    state = bench.run_to_the_end()
    assert state.ended is not None
    assert bench.view.sentence == f"{state.ended.how}: {state.ended.reason}"
    assert report(state, now=bench.now).markdown
    return state, bench.view


def scoring(score_of: dict[int, float] | float, *, base: float = 0.3) -> Answer:
    """Every score is the same, or that of its experiment."""

    def answer(request: Request) -> Result:
        if not isinstance(request, ScoreRequest):
            return good_news(request)
        if request.experiment == ROOT:
            return scored(request, base)
        value = score_of if isinstance(score_of, float) else score_of[request.experiment]
        return scored(request, value)

    return answer


def no_number(what: str, value: float, *, of: int) -> Answer:
    """A metric that fails on some experiment, or, like that of 0, on all that is scored."""

    def answer(request: Request) -> Result:
        result = good_news(request)
        if isinstance(result, Score) and request.kind == "score" and request.experiment in (of, 0):
            return result if request.experiment != of else result.model_copy(update={what: value})
        return result

    return answer


def uncertified(split: str, *, of: int) -> Answer:
    """An evaluator that finds an experiment perfect and does not show that it served it right."""

    def answer(request: Request) -> Result:
        result = good_news(request)
        if (
            isinstance(result, Score)
            and isinstance(request, ScoreRequest)
            and (result.split, request.experiment) == (split, of)
        ):
            return result.model_copy(update={"certificate": None, "value": 1.0})
        return result

    return answer


@EVERY
def test_a_score_without_a_certificate_never_reaches_the_tree(search: Search) -> None:
    state, _ = ended(search, uncertified("dev", of=2))

    refused = state.experiments[ExperimentId(2)]
    assert refused.failure is not None
    assert refused.failure.error == "NotCertified"
    assert refused.failure.detail.startswith("wanted a certificate that the checkpoint was served")
    assert refused.score is None
    assert state.search.bar < 1.0
    assert state.ended is not None
    assert state.ended.best != 2


def test_a_test_score_without_a_certificate_is_missing_and_says_why() -> None:
    state, _ = ended(EVERY_SEARCH[0], uncertified("test", of=6))

    assert state.ended is not None
    assert state.ended.best == 6
    refused = state.test_scores[ExperimentId(6)]
    assert isinstance(refused, Failed)
    assert refused.error == "NotCertified"
    assert f"The test score is missing: {refused.detail}" in report(state, now=0.0).markdown


@EVERY
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_failure_of_its_experiment(
    search: Search, value: float
) -> None:
    state, _ = ended(search, no_number("value", value, of=2))

    failure = state.experiments[ExperimentId(2)].failure
    assert failure is not None
    assert failure.error == "ScoringFailed"
    assert failure.detail.startswith(f"wanted a finite score, found {value}")
    assert f"#2: ScoringFailed: {failure.detail}" in report(state, now=0.0).failures
    assert math.isfinite(state.search.bar)
    assert state.ended is not None
    assert state.ended.best != 2


@pytest.mark.parametrize("what", ["stderr", "likelihood"])
def test_an_error_or_a_likelihood_that_is_no_number_is_a_failure_too(what: str) -> None:
    search = Search(fidelity=Fidelity.STEPS, smallest_gain=0)

    state, _ = ended(search, no_number(what, math.nan, of=1))

    assert state.experiments[ExperimentId(1)].failure is not None
    assert state.ended is not None
    assert state.ended.how == "finished"


@EVERY
def test_a_base_model_whose_score_is_no_number_fails_the_job_at_once(search: Search) -> None:
    state, _ = ended(search, no_number("value", math.nan, of=0))

    assert state.ended is not None
    assert (state.ended.how, state.asked) == ("failed", 0)
    assert "wanted a finite score, found nan" in state.ended.reason


@EVERY
def test_where_everything_is_worse_than_the_base_model_nothing_is_handed_back(
    search: Search,
) -> None:
    worse = {n: 0.5 - 0.1 * (n % 5) for n in range(1, 100)}

    state, view = ended(search, scoring(worse, base=0.8))

    assert state.ended is not None
    assert (state.ended.how, state.ended.best, view.best) == ("finished", None, None)
    assert any("score below the base model's 0.800" in said for said in view.warnings)


@EVERY
@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_scores_that_are_all_equal_end_with_the_budget(search: Search, score: float) -> None:
    def exactly(request: Request) -> Result:
        result = scoring(score)(request)
        return result.model_copy(update={"stderr": 0.0}) if isinstance(result, Score) else result

    state, view = ended(search, exactly)

    assert state.ended is not None
    assert state.ended.reason == "all 6 experiments of the budget are done"
    assert 6 <= state.runs < 7
    assert any("the metric tells no model from another" in said for said in view.warnings)


def repeating(request: Request) -> Result:
    if isinstance(request, ProposeRequest):
        return proposals(*(1e-3 for _ in request.experiments))
    return good_news(request)


@EVERY
def test_a_researcher_that_only_repeats_itself_ends_the_search(search: Search) -> None:
    state, view = ended(search, repeating, experiments=50)

    recipes = {work for work in state.ordered if work.startswith("run-") and "." not in work}
    assert recipes == {"run-1"}
    assert len(state.experiments) < 12
    assert state.ended is not None
    assert any(
        why in state.ended.reason for why in ("nothing new can be tried", "the same recipe as #1")
    )
    assert view.warnings
    assert state.ended.best == 1


@EVERY
def test_where_half_of_the_runs_crash_the_other_half_is_searched(search: Search) -> None:
    def every_other(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.experiment % 2:
            return FAILED
        return good_news(request)

    state, view = ended(search, every_other, experiments=12)

    assert state.ended is not None
    assert state.ended.reason == "all 12 experiments of the budget are done"
    assert state.ended.best is not None
    assert any("runs failed" in said and "Diverged" in said for said in view.warnings)


@EVERY
def test_a_job_whose_workers_have_all_gone_waits_and_says_for_what(search: Search) -> None:
    bench = Bench(with_search(search, experiments=3))
    bench.store.present(worker("executor", "only"), for_s=50)
    bench.run_until(lambda state: "run-1" in state.in_flight)
    while any(not work.startswith("run-") for work in bench.rung):
        bench.answer_next(next(i for i, w in enumerate(bench.rung) if not w.startswith("run-")))
        bench.plan()

    for _ in range(20):
        bench.now += 3600
        bench.plan()
    waiting = bench.view
    bench.store.present(worker("executor", "back"), for_s=1e9)
    state = bench.run_to_the_end()

    assert waiting.state == "searching"
    assert "no executor takes work and" in waiting.sentence
    assert "start one" in waiting.sentence
    assert state.ended is not None
    assert state.ended.best is not None


@EVERY
def test_a_budget_of_seconds_smaller_than_a_run_stops_the_run_and_hands_it_back(
    search: Search,
) -> None:
    state, _ = ended(search, good_news, experiments=50, gpu_seconds=1.5)

    assert state.ended is not None
    assert state.gpu_seconds <= 1.5
    assert "what is left of the budget does not pay for another run" in state.ended.reason


@EVERY
def test_a_budget_too_small_to_begin_ends_the_job_before_anything_is_run(search: Search) -> None:
    state, _ = ended(search, good_news, experiments=50, gpu_seconds=0.5)

    assert state.ended is not None
    assert (state.ended.how, state.asked, state.ended.best) == ("finished", 0, None)
    assert "does not pay for another run" in state.ended.reason


@EVERY
def test_a_budget_of_one_experiment_is_one_experiment(search: Search) -> None:
    state, _ = ended(search, good_news, experiments=1)

    assert 1.0 <= state.runs < 1.2
    assert state.ended is not None
    assert state.ended.best is not None


@EVERY
def test_where_everything_is_lost_the_search_gives_up(search: Search) -> None:
    def lost(request: Request) -> Result:
        if isinstance(request, RunRequest):
            return Failed(error="WorkerLost", detail="three took it and fell silent")
        return good_news(request)

    state, _ = ended(search, lost, experiments=50)

    assert state.ended is not None
    assert state.ended.how == "failed"
    assert "three took it and fell silent" in state.ended.reason


@given(troubled(), st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_whatever_goes_wrong_a_job_ends_within_its_budget_and_says_why(
    bench: Bench, seed: int
) -> None:
    budget, most_seconds = bench.spec.budget, bench.spec.budget.gpu_seconds or math.inf

    state = bench.run_to_the_end(Random(seed) if seed else None)

    assert state.ended is not None
    assert state.in_flight == set()
    assert bench.view.sentence == f"{state.ended.how}: {state.ended.reason}"
    assert report(state, now=bench.now).markdown
    assert state.runs <= budget.experiments + 1 + 1e-9
    assert state.gpu_seconds <= most_seconds + 1e-9
    for column in (state.search.tree.pending, state.search.tree.running):
        assert min(column) >= 0
