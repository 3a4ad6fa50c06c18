"""How many experiments are asked for at a time, and what they may cost."""

from dataclasses import replace

import pytest

from services.planner.decide import AT_ONCE, decide, sought
from services.planner.orders import Order
from services.planner.state import JobState
from shared.contracts.base import ROOT, WorkId
from shared.contracts.events import WorkOrdered
from shared.contracts.job import Search, SearchMode
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import RunRequest
from shared.store import Entry
from tests.support.examples import worker
from tests.support.planning import (
    Bench,
    short_first,
    with_budget,
    with_search,
)


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
    assert len(running) == max(executors, 1) + 1


def test_more_are_under_way_beyond_many_executors() -> None:
    assert [sought(executors) for executors in (32, 33, 256)] == [33, 35, 264]


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
        bench.store.present(worker("executor", str(name)), for_s=50)
    bench.run_until(lambda state: "run-3" in state.ordered)
    while any(not work.startswith("run-") for work in bench.rung):
        bench.answer_next(next(i for i, w in enumerate(bench.rung) if not w.startswith("run-")))
        bench.plan()

    bench.now += 100  # the executors went home
    state = bench.run_to_the_end()

    assert sum(not e.runs for e in state.experiments.values() if e.id != ROOT) >= 2
    assert state.ended is not None
