"""What is measured of jobs, over whole jobs on the store in memory."""

from collections.abc import Iterator

import pytest

from services.planner.metrics import budget_used
from shared.contracts.run import RunRequest
from shared.contracts.work import Request, Result
from tests.support.examples import FAILED, JOB
from tests.support.listening import Meter
from tests.support.planning import Bench, good_news, with_budget


@pytest.fixture
def meter() -> Iterator[Meter]:
    meter = Meter()
    yield meter
    meter.close()


def test_a_budget_is_used_as_far_as_the_limit_that_is_nearest_its_end() -> None:
    bench = Bench(with_budget(experiments=10, gpu_seconds=40.0, wall_clock_s=1000.0))
    begun = bench.plan()
    assert budget_used(begun, now=bench.now) == 0.0
    assert budget_used(begun, now=bench.now + 250) == 0.25

    trained = bench.run_until(lambda state: state.gpu_seconds >= 20)

    assert (trained.gpu_seconds, trained.asked) == (20, 4)
    assert budget_used(trained, now=bench.now) == 0.5
    assert budget_used(trained, now=bench.now + 900) == 0.9


def test_runs_are_counted_by_how_they_ended(meter: Meter) -> None:
    def second_fails(request: Request) -> Result:
        second = isinstance(request, RunRequest) and request.experiment == 2
        return FAILED if second else good_news(request)

    Bench(with_budget(experiments=3), second_fails).run_to_the_end()

    counted = {(p["outcome"], p["error"]): n for p, n in meter.points("trex.runs")}
    assert counted == {("trained", ""): 2, ("failed", FAILED.error): 1}


def test_a_planner_that_takes_a_job_over_counts_no_run_twice(meter: Meter) -> None:
    bench = Bench(with_budget(experiments=3))
    bench.run_until(lambda state: state.runs >= 1 and state.gpu_seconds > 0)
    before = dict(meter.points("trex.runs")[0][0]), meter.points("trex.runs")[0][1]

    bench.now += 60  # the first planner's hold is over
    bench.planner("planner 2").step(JOB)

    assert [(dict(point), runs) for point, runs in meter.points("trex.runs")] == [before]


def test_every_step_of_the_planner_is_timed(meter: Meter) -> None:
    bench = Bench()

    bench.plan()

    [(_, seconds)] = meter.points("trex.planner.step.duration")
    assert seconds > 0
