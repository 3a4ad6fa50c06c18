"""Whole jobs on the store in memory, with the other services answered by the test."""

from dataclasses import replace

import pytest

from services.planner import orders
from services.planner.decide import AHEAD, AT_ONCE, decide
from services.planner.orders import Order
from services.planner.report import report
from services.planner.state import JobState, fold
from services.planner.tree import Stage
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.events import WorkEnded, WorkOrdered
from shared.contracts.job import Fidelity, JobSpec, Search, SearchMode
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from shared.store import Entry
from tests.support.examples import FAILED, JOB, LESSON, TRAINED, proposals, score
from tests.support.planning import (
    Bench,
    good_news,
    scored,
    with_budget,
    with_search,
    worse_and_worse,
)


def test_a_job_begins_with_a_brief_and_the_score_of_the_base_model() -> None:
    bench = Bench()

    bench.plan()

    assert bench.rung == ["brief", "score-0"]


def test_a_job_spends_its_experiments_and_hands_back_the_best_with_its_test_score() -> None:
    state = Bench().run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", ExperimentId(4))
    assert "all 4 experiments" in state.ended.reason
    assert set(state.test_scores) == {ROOT, ExperimentId(4)}


def test_every_experiment_is_proposed_run_scored_and_learnt_from_once() -> None:
    state = Bench().run_to_the_end()

    for step in ("propose", "run", "score", "diagnose"):
        assert [w for w in state.ordered if w.startswith(f"{step}-")][-4:] == [
            f"{step}-{n}" for n in (1, 2, 3, 4)
        ]


def test_the_next_recipe_is_proposed_while_the_first_one_trains() -> None:
    bench = Bench()
    bench.plan()
    while "run-1" not in bench.rung:
        bench.answer_next()
        bench.plan()

    assert "propose-2" in bench.state.ordered
    assert "propose-3" not in bench.state.ordered


def test_a_planner_that_comes_back_decides_as_if_it_had_never_been_away() -> None:
    uninterrupted = Bench().run_to_the_end()
    bench = Bench()
    bench.plan()
    for _ in range(500):
        if not bench.rung:
            break
        bench.answer_next()
        bench.now += 20  # its lease is over
        bench.loop = bench.planner(f"planner after {bench.now}")
        bench.plan()

    assert bench.state.ended == uninterrupted.ended
    assert list(bench.state.ordered) == list(uninterrupted.ordered)


def test_a_second_planner_stands_by_and_takes_over() -> None:
    bench = Bench()
    bench.plan()
    second = bench.planner("planner 2")

    second.step(JOB)
    idle = len(bench.state.ordered)
    bench.now += 20
    bench.answer_next()
    bench.answer_next()
    second.step(JOB)

    assert (idle, "propose-1" in bench.state.ordered) == (2, True)


def test_a_message_that_was_lost_is_rung_again() -> None:
    bench = Bench()
    bench.plan()
    bench.rung.clear()  # Redis forgot its queues

    bench.now += 31
    bench.plan()

    assert bench.rung == ["brief", "score-0"]


def test_a_failed_run_is_data_for_the_search_and_stops_nothing() -> None:
    def second_fails(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.experiment == 2:
            return FAILED
        return good_news(request)

    state = Bench(answer=second_fails).run_to_the_end()

    assert state.ended is not None
    assert state.ended.how == "finished"
    assert state.search.tree.stage[2] == Stage.DIVERGED
    assert state.experiments[ExperimentId(2)].lesson == LESSON


def test_a_recipe_that_exists_is_never_trained_again() -> None:
    def repeats_itself(request: Request) -> Result:
        if isinstance(request, ProposeRequest):
            return proposals(*(1e-3 for _ in request.experiments))
        return good_news(request)

    state = Bench(answer=repeats_itself).run_to_the_end()

    assert [w for w in state.ordered if w.startswith("run-")] == ["run-1"]
    assert state.ended is not None
    assert state.ended.how == "finished"
    assert state.experiments[ExperimentId(2)].dropped == "the same recipe as #1"


def test_training_data_that_cannot_be_read_fails_the_job_with_its_sentence() -> None:
    broken = Failed(error="DataFailed", detail="train.jsonl line 3: wanted JSON, found 'x'")

    def no_brief(request: Request) -> Result:
        return broken if request.kind == "brief" else good_news(request)

    state = Bench(answer=no_brief).run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.reason) == ("failed", broken.detail)


def test_a_search_in_which_everything_fails_gives_up_and_says_why() -> None:
    def nothing_trains(request: Request) -> Result:
        return FAILED if isinstance(request, RunRequest) else good_news(request)

    state = Bench(spec=with_budget(experiments=100), answer=nothing_trains).run_to_the_end()

    assert state.ended is not None
    assert state.ended.how == "failed"
    assert "in a row came to nothing" in state.ended.reason
    assert FAILED.detail in state.ended.reason
    assert state.asked < 20


def test_training_never_takes_more_gpu_seconds_than_the_budget_has() -> None:
    spec = with_budget(experiments=100, gpu_seconds=35)

    def takes_its_limit(request: Request) -> Result:
        if isinstance(request, RunRequest):
            return TRAINED.model_copy(update={"gpu_seconds": min(request.limit_s, 10.0)})
        return good_news(request)

    state = Bench(spec=spec, answer=takes_its_limit).run_to_the_end()

    assert 34 <= state.gpu_seconds <= 35
    assert state.ended is not None
    assert "does not pay for another run" in state.ended.reason


def test_when_the_wall_clock_is_over_what_was_trained_is_still_scored_and_handed_back() -> None:
    bench = Bench(spec=with_budget(experiments=100, wall_clock_s=1000))
    bench.plan()
    while not any(isinstance(e.outcome, Trained) for e in bench.state.experiments.values()):
        bench.answer_next()
        bench.plan()

    bench.now += 999
    bench.loop = bench.planner("planner 1")
    state = bench.run_to_the_end()

    assert state.ended is not None
    assert "wall-clock budget" in state.ended.reason
    assert (state.ended.how, state.ended.best) == ("finished", ExperimentId(1))
    assert ExperimentId(1) in state.test_scores


def test_cancelling_stops_everything_and_keeps_the_best_so_far() -> None:
    bench = Bench(spec=with_budget(experiments=100))
    bench.plan()
    while bench.state.experiments.get(ExperimentId(1)) is None or (
        bench.state.experiments[ExperimentId(1)].score is None
    ):
        bench.answer_next()
        bench.plan()

    bench.store.request_cancel(JOB)
    bench.plan()
    state = bench.plan()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("cancelled", ExperimentId(1))
    assert state.in_flight == set()


def test_a_report_says_what_was_gained_and_how_sure_that_is() -> None:
    bench = Bench()
    state = bench.run_to_the_end()

    said = report(state, now=bench.now)

    assert said.test is not None
    assert said.test.difference == pytest.approx(0.4)
    assert "the gain is larger than its doubt" in said.markdown
    assert TRAINED.checkpoint in said.markdown


def test_a_report_does_not_praise_what_does_not_beat_the_base_model() -> None:
    def no_gain(request: Request) -> Result:
        return (
            score(0.3, split=request.split)
            if isinstance(request, ScoreRequest)
            else (good_news(request))
        )

    bench = Bench(answer=no_gain)
    state = bench.run_to_the_end()

    assert state.ended is not None
    assert state.ended.best is None
    assert "No experiment scored above the base model" in report(state, now=bench.now).markdown
    assert state.test_scores == {}


def test_a_gain_within_its_doubt_is_not_called_a_gain() -> None:
    def hardly_better(request: Request) -> Result:
        if isinstance(request, ScoreRequest):
            return score(0.5 if request.experiment == ROOT else 0.6, split=request.split)
        return good_news(request)

    bench = Bench(answer=hardly_better)
    state = bench.run_to_the_end()

    assert "On test no gain is demonstrated" in report(state, now=bench.now).markdown


def test_every_dev_score_is_asked_for_on_the_rows_of_the_first() -> None:
    state = Bench().run_to_the_end()

    asked = state.ordered[WorkId("score-1")]

    assert isinstance(asked, ScoreRequest)
    assert state.base_score is not None
    assert asked.data_sha256 == state.base_score.data_sha256


def test_an_answer_that_comes_twice_counts_once() -> None:
    bench = Bench()
    once = bench.run_to_the_end()
    entries = bench.store.read(JOB)
    answer = next(
        e for e in entries if isinstance(e.event, WorkEnded) and e.event.work_id == "run-1"
    )

    again = fold([*entries, answer])

    assert again.gpu_seconds == once.gpu_seconds
    assert again.search.tree.visits[ROOT] == once.search.tree.visits[ROOT]


def test_what_a_lost_worker_used_is_paid_for() -> None:
    bench = Bench()
    bench.plan()
    while "run-1" not in bench.rung:
        bench.answer_next()
        bench.plan()
    bench.store.claim(JOB, WorkId("run-1"), lease_s=10)

    bench.now += 30  # the worker never comes back
    bench.plan()

    assert bench.state.gpu_seconds == pytest.approx(30)


ONE = ExperimentId(1)


def short_first(fidelity: Fidelity = Fidelity.STEPS, *, experiments: int = 6) -> JobSpec:
    return with_search(Search(fidelity=fidelity, smallest_gain=0), experiments=experiments)


def has_score(state: JobState, number: ExperimentId) -> bool:
    experiment = state.experiments.get(number)
    return experiment is not None and experiment.score is not None


def is_full(state: JobState, number: ExperimentId) -> bool:
    return number < len(state.search.tree) and state.search.tree.is_full(number)


def run_of(state: JobState, work: str) -> RunRequest:
    request = state.ordered[WorkId(work)]
    assert isinstance(request, RunRequest)
    return request


def score_of(state: JobState, work: str) -> ScoreRequest:
    request = state.ordered[WorkId(work)]
    assert isinstance(request, ScoreRequest)
    return request


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


def test_finalists_are_scored_on_the_rows_kept_for_that_once_nothing_is_under_way() -> None:
    bench = Bench(with_search(Search(smallest_gain=0), confirm=True, experiments=4))

    state = bench.run_to_the_end()

    checks = [work for work in state.ordered if work.startswith("check-")]
    assert sorted(checks) == [f"check-{n}" for n in (1, 2, 3, 4)]
    assert {score_of(state, work).data for work in checks} == {"confirm.jsonl"}
    assert {score_of(state, work).split for work in checks} == {"confirm"}
    last_run = max(list(state.ordered).index(WorkId(f"score-{n}")) for n in (1, 2, 3, 4))
    assert min(list(state.ordered).index(WorkId(work)) for work in checks) > last_run
    assert "## Finalists" in report(state, now=bench.now).markdown


def test_a_finalist_that_disappoints_on_the_kept_rows_is_not_handed_back() -> None:
    def disappointing(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.split == "confirm":
            return scored(request, 0.1 if request.experiment == 4 else 0.5)
        if isinstance(request, ScoreRequest) and request.experiment != ROOT:
            return scored(request, {3: 0.6, 4: 0.7}.get(request.experiment, 0.2))
        return good_news(request)

    search = Search(smallest_gain=0)
    bench = Bench(with_search(search, confirm=True, experiments=4), disappointing)

    state = bench.run_to_the_end()

    assert state.ended is not None
    assert state.ended.best == ExperimentId(3)


def test_a_recipe_is_trained_again_with_other_seeds_before_it_is_handed_back() -> None:
    search = Search(deliver="recipe", smallest_gain=0)
    bench = Bench(with_search(search, confirm=True, experiments=40))

    state = bench.run_to_the_end()

    again = [
        run
        for e in state.experiments.values()
        if e.proposal is not None
        for run in e.runs
        if run.seed != e.recipe.seed
    ]
    assert len(again) >= 2
    assert all(run.check is not None and run.score is None for run in again)
    assert state.runs == 40
    assert state.ended is not None
    assert state.ended.reason == "all 40 experiments of the budget are done"


def test_no_seed_is_trained_twice() -> None:
    state = Bench(with_budget(experiments=1)).run_to_the_end()
    finalist = state.experiments[ONE]

    seeds = []
    for _ in range(3):
        order = orders.another_seed(state, finalist, limit_s=60)
        assert isinstance(order.request, RunRequest)
        seeds.append(order.request.recipe.seed)
        event = WorkOrdered(work_id=order.work_id, request=order.request, why=order.why)
        state.apply(Entry(state.cursor, 0.0, event))

    assert seeds == [1, 2, 3]


def test_a_finalist_that_cannot_be_looked_at_again_is_passed_over() -> None:
    def unreadable(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.split == "confirm":
            return Failed(error="DataFailed", detail="confirm.jsonl cannot be read")
        return good_news(request)

    bench = Bench(with_search(Search(smallest_gain=0), confirm=True, experiments=4), unreadable)

    state = bench.run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", ExperimentId(4))
    assert sorted(w for w in state.ordered if w.startswith("check-")) == [
        f"check-{n}" for n in (1, 2, 3, 4)
    ]


def test_several_recipes_are_proposed_at_once_where_several_executors_are_free() -> None:
    benches = [Bench(with_budget(experiments=20), executors=alive) for alive in (1, 5)]

    asked = [
        bench.run_until(lambda state: "propose-1" in state.ordered).ordered[WorkId("propose-1")]
        for bench in benches
    ]

    assert [len(r.experiments) for r in asked if isinstance(r, ProposeRequest)] == [1, AT_ONCE]


def test_one_experiment_at_a_time_is_proposed_in_a_sequence() -> None:
    search = Search(mode=SearchMode.SEQUENTIAL, smallest_gain=0)
    bench = Bench(with_search(search, experiments=5), executors=4)

    state = bench.run_to_the_end()

    proposed = [r for r in state.ordered.values() if isinstance(r, ProposeRequest)]
    assert [request.experiments for request in proposed] == [(n,) for n in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("executors", [0, 1, 2, 5])
def test_one_more_experiment_than_there_are_executors_is_under_way(executors: int) -> None:
    bench = Bench(with_budget(experiments=50), executors=executors)
    bench.plan()
    while bench.rung:
        if bench.rung[0].startswith("run-"):
            bench.rung.pop(0)  # and nobody answers
        else:
            bench.answer_next()
        bench.plan()

    running = [work for work in bench.state.in_flight if work.startswith("run-")]
    assert len(running) == max(executors, 1) + AHEAD


def test_what_was_weighed_is_kept_in_the_ledger_with_its_terms_and_the_runner_up() -> None:
    bench = Bench(with_search(Search(smallest_gain=0), experiments=8))

    state = bench.run_to_the_end()

    why, first = state.choices[WorkId("propose-1")]
    assert (first.chosen.act, first.chosen.experiment, first.runner_up) == ("draft", ROOT, None)
    assert "among the first fresh starts" in why
    why, last = state.choices[WorkId("propose-8")]
    assert last.runner_up is not None
    assert last.chosen.index >= last.runner_up.index >= 0
    assert f": expected {last.chosen.value:.3f} ± {1.96 * last.chosen.deviation:.3f}" in why
    assert f"the best so far is {last.bar:.3f}; next best was" in why
    assert state.experiments[ExperimentId(8)].choice == last
    assert f"propose-8: {why}" in report(state, now=bench.now).markdown


def test_why_a_run_was_made_longer_is_kept_in_the_ledger_too() -> None:
    bench = Bench(short_first(), worse_and_worse)

    state = bench.run_until(lambda state: "run-1.2" in state.ordered)

    why, choice = state.choices[WorkId("run-1.2")]
    assert (choice.chosen.act, choice.chosen.experiment) == ("promote", ONE)
    assert why.startswith("train #1 in full")


def ordered(state: JobState, *, executors: int) -> list[Order]:
    """Everything that is ordered from now on without another answer."""
    found: list[Order] = []
    while new := [a for a in decide(state, now=0.0, executors=executors) if isinstance(a, Order)]:
        for one in new:
            event = WorkOrdered(
                work_id=one.work_id, request=one.request, why=one.why, choice=one.choice
            )
            state.apply(Entry(state.cursor, 0.0, event))
        found += new
    return found


def without_short_runs(state: JobState) -> JobState:
    """The same job once its short runs have turned out to mislead."""
    prior = state.search.prior
    maps = tuple(replace(one, trusted=False) for one in prior.maps)
    state.search.prior = replace(prior, maps=maps)
    return state


def test_no_more_recipes_are_asked_for_than_can_be_paid_for_in_full_where_short_runs_mislead() -> (
    None
):
    bench = Bench(short_first(experiments=2))
    for _ in bench.plan().in_flight:
        bench.answer_next()

    found = ordered(without_short_runs(bench.state), executors=8)

    asked = [o.request.experiments for o in found if isinstance(o.request, ProposeRequest)]
    assert asked == [(1, 2)]


def test_recipes_that_became_dearer_while_they_were_thought_of_do_not_overdraw_the_budget() -> None:
    bench = Bench(short_first(experiments=1), executors=5)
    bench.run_until(lambda state: "propose-1" in state.ordered)
    while bench.rung:
        bench.answer_next()

    found = ordered(without_short_runs(bench.state), executors=5)

    assert len(bench.state.experiments) > 3
    assert [o.work_id for o in found if isinstance(o.request, RunRequest)] == ["run-1"]


@pytest.mark.parametrize("executors", [1, 4, 9])
def test_seconds_that_pay_for_few_runs_are_spent_on_them_however_many_executors_there_are(
    executors: int,
) -> None:
    spec = with_budget(experiments=100, gpu_seconds=3)

    state = Bench(spec, executors=executors).run_to_the_end()

    assert state.ended is not None
    assert 2 <= state.gpu_seconds <= 3
    assert state.ended.best is not None
    assert "does not pay for another run" in state.ended.reason


def test_recipes_for_which_no_seconds_are_left_do_not_keep_a_job_going() -> None:
    bench = Bench(with_budget(experiments=100, gpu_seconds=3))
    for name in range(4):
        bench.store.present("executor", str(name), for_s=50)
    bench.run_until(lambda state: "run-3" in state.ordered)
    while any(not work.startswith("run-") for work in bench.rung):
        bench.answer_next(next(i for i, w in enumerate(bench.rung) if not w.startswith("run-")))
        bench.plan()

    bench.now += 100  # the executors went home
    state = bench.run_to_the_end()

    assert sum(not e.runs for e in state.experiments.values() if e.id != ROOT) >= 2
    assert state.ended is not None


def test_finalists_are_looked_at_again_when_the_seconds_for_training_are_used_up() -> None:
    spec = with_search(Search(smallest_gain=0), confirm=True, experiments=100, gpu_seconds=25)

    state = Bench(spec).run_to_the_end()

    assert {"check-1", "check-2"} <= set(state.ordered)
    assert state.ended is not None
    assert "does not pay for another run" in state.ended.reason


def test_finalists_are_not_trained_again_when_the_seconds_for_training_are_used_up() -> None:
    search = Search(deliver="recipe", smallest_gain=0)
    spec = with_search(search, confirm=True, experiments=100, gpu_seconds=25)

    state = Bench(spec).run_to_the_end()

    assert state.ended is not None
    assert not any(work.startswith("check-") for work in state.ordered)
    assert state.gpu_seconds <= 25


def test_a_researcher_that_is_of_no_use_fails_the_job() -> None:
    def says_nothing(request: Request) -> Result:
        if isinstance(request, ProposeRequest):
            return Failed(error="NothingNew", detail="every recipe was tried")
        return good_news(request)

    state = Bench(answer=says_nothing).run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("failed", None)
    assert state.experiments[ONE].dropped == "every recipe was tried"
