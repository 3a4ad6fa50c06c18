"""How the end of a job looks again at what it may hand back."""

from services.planner import orders
from services.planner.report import report
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.events import WorkOrdered
from shared.contracts.job import Search
from shared.contracts.run import Failed, RunRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from shared.store import Entry
from tests.support.examples import CONFIRM
from tests.support.planning import (
    ONE,
    Bench,
    good_news,
    score_of,
    scored,
    with_budget,
    with_search,
)


def test_finalists_are_scored_on_the_rows_kept_for_that_once_nothing_is_under_way() -> None:
    bench = Bench(with_search(Search(smallest_gain=0), confirm=True, experiments=4))

    state = bench.run_to_the_end()

    checks = [work for work in state.ordered if work.startswith("check-")]
    assert sorted(checks) == [f"check-{n}" for n in (1, 2, 3, 4)]
    assert {score_of(state, work).data for work in checks} == {CONFIRM}
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
