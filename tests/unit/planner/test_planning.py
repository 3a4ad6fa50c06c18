"""Whole jobs on the store in memory, with the other services answered by the test."""

from datetime import UTC, datetime

import pytest

from services.planner.report import report
from services.planner.state import fold
from services.planner.tree import Stage
from shared.contracts.base import ROOT, ExperimentId, WorkId, digest
from shared.contracts.capabilities import Capabilities
from shared.contracts.events import WorkEnded
from shared.contracts.grader import RegexGrader
from shared.contracts.job import Limits, MetricName, Search, SearchMode
from shared.contracts.method import Adapter, FullTuning, Qlora
from shared.contracts.proposal import Proposals, ProposeRequest
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import CPU, FAILED, JOB, LESSON, SPEC, TRAINED, proposals, score, worker
from tests.support.planning import (
    ONE,
    Bench,
    good_news,
    run_of,
    with_budget,
    with_search,
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


def test_every_score_of_a_job_with_options_chooses_among_them() -> None:
    bench = Bench(SPEC.model_copy(update={"options": ("yes", "no")}))

    state = bench.run_to_the_end()

    asked = [request for request in state.ordered.values() if isinstance(request, ScoreRequest)]
    assert {request.options for request in asked} == {("yes", "no")}


def test_the_report_says_when_test_was_opened_and_for_whom() -> None:
    bench = Bench()
    state = bench.run_to_the_end()

    assert state.test_opened_at is not None
    at = datetime.fromtimestamp(state.test_opened_at, UTC)
    said = f"opened once, after the choice, for #0 and #4, on {at:%Y-%m-%d at %H:%M} UTC."
    assert said in report(state, now=bench.now).markdown


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


def test_every_run_has_the_limits_of_the_job() -> None:
    limits = Limits(run_s=50.0, run_tokens=1_000, patience=2)

    state = Bench(spec=SPEC.model_copy(update={"limits": limits})).run_to_the_end()

    runs = [one for one in state.ordered.values() if isinstance(one, RunRequest)]
    assert {(one.limit_s, one.limit_tokens, one.patience) for one in runs} == {(50.0, 1_000, 2)}


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
    state = bench.run_to_the_end()

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
    assert f"Checkpoint: `{said.checkpoint}`" in said.markdown
    assert "of 32 training prompts 100% had the same greedy answer" in said.markdown
    assert "was 0.0020 nats off" in said.markdown


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


def test_every_score_is_asked_for_with_the_jobs_own_grader() -> None:
    grader = RegexGrader(pattern="[0-9]+")
    spec = SPEC.model_copy(update={"metric": MetricName.GRADER, "grader": grader})

    state = Bench(spec).run_to_the_end()

    asked = [one for one in state.ordered.values() if isinstance(one, ScoreRequest)]
    assert {one.split for one in asked} >= {"dev", "test"}
    assert {one.grader for one in asked} == {grader}


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
    assert f"propose-8: {why} (index " in report(state, now=bench.now).markdown


def test_a_mode_that_does_not_choose_by_the_index_does_not_say_one() -> None:
    bench = Bench(with_search(Search(mode=SearchMode.UCT, smallest_gain=0), experiments=4))

    said = report(bench.run_to_the_end(), now=bench.now).markdown

    assert "propose-4: " in said
    assert "(index " not in said


def test_a_researcher_that_is_of_no_use_fails_the_job() -> None:
    def says_nothing(request: Request) -> Result:
        if isinstance(request, ProposeRequest):
            return Failed(error="NothingNew", detail="every recipe was tried")
        return good_news(request)

    state = Bench(answer=says_nothing).run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("failed", None)
    assert state.experiments[ONE].dropped == "every recipe was tried"


def in_four_bits(request: Request) -> Result:
    """Every recipe is to hold its base model in 4 bits."""
    return with_adapter(request, Qlora(r=8, lora_alpha=16))


def in_full(request: Request) -> Result:
    """Every recipe is to train all weights."""
    return with_adapter(request, FullTuning())


def with_adapter(request: Request, adapter: Adapter) -> Result:
    answer = good_news(request)
    if not isinstance(answer, Proposals):
        return answer
    changed = [
        one.model_copy(update={"recipe": one.recipe.model_copy(update={"adapter": adapter})})
        for one in answer.proposals
    ]
    return Proposals(proposals=tuple(changed))


def test_what_living_executors_can_train_is_told_to_the_researcher() -> None:
    bench = Bench()
    bench.store.present(worker("executor", "one", can=CPU), for_s=1e9)

    state = bench.run_to_the_end()

    asked = [one for one in state.ordered.values() if isinstance(one, ProposeRequest)]
    assert {request.context.machines for request in asked} == {(CPU,)}


def test_a_recipe_that_no_living_executor_can_carry_out_is_not_run() -> None:
    bench = Bench(answer=in_four_bits)
    bench.store.present(worker("executor", "one", can=CPU), for_s=1e9)

    state = bench.run_to_the_end()

    assert state.experiments[ONE].dropped == (
        "no executor that is alive can hold a base model in 4 bits"
    )
    assert not any(work.startswith("run-") for work in state.ordered)


def test_a_recipe_whose_checkpoint_no_living_evaluator_can_score_is_not_run() -> None:
    bench = Bench(answer=in_full)
    bench.store.present(worker("evaluator", "one", adapters_only=True), for_s=1e9)

    state = bench.run_to_the_end()

    asked = [one for one in state.ordered.values() if isinstance(one, ProposeRequest)]
    assert all(request.context.adapters_only for request in asked)
    assert state.experiments[ONE].dropped == (
        "no evaluator that is alive can score a model whose weights were all trained"
    )
    assert not any(work.startswith("run-") for work in state.ordered)


@pytest.mark.parametrize("machines", [(), (CPU, CPU.model_copy(update={"quantised": True}))])
def test_a_recipe_is_run_where_one_executor_can_or_none_has_said(
    machines: tuple[Capabilities, ...],
) -> None:
    bench = Bench(answer=in_four_bits)
    for number, can in enumerate(machines):
        bench.store.present(worker("executor", f"number {number}", can=can), for_s=1e9)

    state = bench.run_to_the_end()

    assert state.asked == 4
    assert "run-1" in state.ordered


class Continuing:
    """Every proposal is to go on from the first recipe, or from one that nobody trained."""

    def __init__(self, start: str | None = None) -> None:
        self.start = start

    def __call__(self, request: Request) -> Result:
        answer = good_news(request)
        if not isinstance(answer, Proposals):
            return answer
        (proposal,) = answer.proposals
        recipe = proposal.recipe.model_copy(update={"continues": self.start})
        self.start = self.start or digest(recipe)
        return Proposals(proposals=(proposal.model_copy(update={"recipe": recipe}),))


def test_a_recipe_that_continues_another_starts_from_its_checkpoint() -> None:
    one_by_one = with_search(Search(mode=SearchMode.SEQUENTIAL, smallest_gain=0), experiments=2)

    state = Bench(one_by_one, Continuing()).run_to_the_end()

    assert run_of(state, "run-1").start_from is None
    made = state.experiments[ONE].made
    assert made is not None
    assert run_of(state, "run-2").start_from == made.checkpoint


def test_a_recipe_that_continues_what_was_never_trained_is_not_run() -> None:
    one_by_one = with_search(Search(mode=SearchMode.SEQUENTIAL, smallest_gain=0), experiments=2)

    state = Bench(one_by_one, Continuing("a" * 64)).run_to_the_end()

    assert (
        state.experiments[ONE].dropped
    ) == "the recipe that it goes on from, aaaaaaaaaaaa, was not trained"
    assert not any(work.startswith("run-") for work in state.ordered)


def test_a_best_that_is_worse_on_test_is_said_to_be() -> None:
    def worse_there(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.split == "test":
            return score(0.9 if request.experiment == ROOT else 0.1, split="test", n=100)
        return good_news(request)

    bench = Bench(answer=worse_there)
    state = bench.run_to_the_end()

    said = report(state, now=bench.now).markdown
    assert "On test the best is worse than the base model: do not use it." in said
