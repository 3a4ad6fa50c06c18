"""Jobs whose experiments are trained for a part of a run first."""

import pytest

from services.planner.report import report
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.job import Fidelity
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import JOB
from tests.support.planning import (
    ONE,
    Bench,
    good_news,
    has_score,
    run_of,
    score_of,
    scored,
    short_first,
    worse_and_worse,
)


def is_full(state: JobState, number: ExperimentId) -> bool:
    return number < len(state.search.tree) and state.search.tree.is_full(number)


def test_a_new_experiment_is_run_short_and_judged_by_its_likelihood_on_some_items() -> None:
    bench = Bench(short_first())

    state = bench.run_until(lambda state: has_score(state, ONE))

    assert run_of(state, "run-1").step_share == pytest.approx(1 / 9)
    assert run_of(state, "run-1").data_share == 1.0
    asked = score_of(state, "score-1")
    assert asked.item_share == pytest.approx(1 / 9)
    assert asked.likelihood
    assert state.search.tree.value[1] == pytest.approx(0.3)  # scored 0.2, likelihood 0.3
    assert (state.search.tree.rung[1], state.experiments[ONE].runs[0].share) == (0, 1 / 9)


def test_a_promoted_run_goes_on_from_its_checkpoint_and_only_the_rest_is_paid_for() -> None:
    bench = Bench(short_first(), worse_and_worse)

    state = bench.run_until(lambda state: is_full(state, ONE))

    runs = state.experiments[ONE].runs
    assert [run.rung for run in runs] == [0, 1, 2]
    assert [run.share for run in runs] == pytest.approx([1 / 9, 2 / 9, 2 / 3])
    assert run_of(state, "run-1").resume_from is None
    for before, work in zip(runs, ("run-1.2", "run-1.3"), strict=False):
        assert isinstance(before.outcome, Trained)
        assert run_of(state, work).resume_from == before.outcome.resume
    full = score_of(state, "score-1.3")
    assert (full.item_share, full.likelihood) == (1.0, False)
    assert state.search.tree.value[1] == pytest.approx(0.7)


def test_runs_on_less_data_are_runs_of_their_own() -> None:
    bench = Bench(short_first(Fidelity.DATA), worse_and_worse)

    state = bench.run_until(lambda state: is_full(state, ONE))

    works = ("run-1", "run-1.2", "run-1.3")
    assert [run_of(state, work).data_share for work in works] == pytest.approx([1 / 9, 1 / 3, 1])
    assert [run_of(state, work).step_share for work in works] == [1.0] * 3
    assert [run_of(state, work).resume_from for work in works] == [None] * 3
    assert sum(run.share for run in state.experiments[ONE].runs) == pytest.approx(13 / 9)


def test_a_longer_run_that_is_lost_is_begun_again_where_the_measured_one_ended() -> None:
    lost = Failed(error="WorkerLost", detail="three took it and fell silent")

    def second_is_lost(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.step_share == pytest.approx(1 / 3):
            return lost
        return worse_and_worse(request)

    bench = Bench(short_first(experiments=2), second_is_lost)
    state = bench.run_to_the_end()

    again = [run for run in state.experiments[ONE].runs if run.rung == 1]
    assert len(again) > 1
    assert [run.share for run in again] == pytest.approx([2 / 9] * len(again))
    first = state.experiments[ONE].runs[0].outcome
    assert isinstance(first, Trained)
    assert run_of(state, "run-1.3").resume_from == first.resume
    assert state.ended is not None


def test_a_short_run_is_compared_with_its_parents_run_of_the_same_length() -> None:
    def ever_worse(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.experiment != ROOT:
            return scored(request, 0.9 - 0.04 * request.experiment, rows=90)
        return scored(request, 0.1, rows=90) if request.kind == "score" else good_news(request)

    state = Bench(short_first(experiments=8), ever_worse).run_to_the_end()

    compared = [
        (request.score.item_share, request.parent_score.item_share)
        for request in state.ordered.values()
        if isinstance(request, DiagnoseRequest) and request.parent != ROOT
        if request.score is not None and request.parent_score is not None
    ]
    assert all(share == parent for share, parent in compared)
    assert any(
        state.search.tree.is_full(e.parent) and not state.search.tree.is_full(e.id)
        for e in state.experiments.values()
        if e.parent and e.lesson
    )


def test_a_search_that_ends_with_short_runs_alone_still_has_a_report() -> None:
    bench = Bench(short_first())
    bench.run_until(lambda state: has_score(state, ONE))

    bench.store.request_cancel(JOB)
    bench.plan()

    state = bench.run_to_the_end()
    said = report(state, now=bench.now)
    assert said.best is not None
    assert said.best.node.fidelity == pytest.approx(1 / 9)
    assert said.dev is not None
    assert f"- experiments: {state.asked}\n- training runs: 0.2 full ones of 6" in said.markdown


def test_why_a_run_was_made_longer_is_kept_in_the_ledger_too() -> None:
    bench = Bench(short_first(), worse_and_worse)

    state = bench.run_until(lambda state: "run-1.2" in state.ordered)

    why, choice = state.choices[WorkId("run-1.2")]
    assert (choice.chosen.act, choice.chosen.experiment) == ("promote", ONE)
    assert why.startswith("train #1 in full")
