"""Which experiments a proposer is told of, in a job that has more than it is told of."""

import pytest

from services.planner.experiment import Experiment, Run
from services.planner.findings import TOLD, told
from services.planner.state import JobState, fold
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.events import JobSubmitted
from shared.store import Entry
from tests.support.examples import JOB, SPEC, TRAINED, proposal, score

CHAIN = 5
"""Experiments each of which derives from the one before; all later ones are fresh starts."""

MOST = 2 * TOLD
BEST = ExperimentId(TOLD // 2)


def job_of(count: int) -> JobState:
    """A job whose experiments were all scored, but for the last; one of them is the best."""
    state = fold([Entry("0-0", 0.0, JobSubmitted(job_id=JOB, spec=SPEC))])
    for number in range(1, count + 1):
        parent = number - 1 if number <= CHAIN else ROOT
        node = state.search.expand(ExperimentId(parent))
        experiment = Experiment(node, ExperimentId(parent), "", proposal=proposal())
        run = Run(1, rung=0, seed=experiment.recipe.seed, share=1.0)
        if number < count:
            value = 0.9 if node == BEST else 0.1 if number <= CHAIN else 0.5
            run.outcome, run.score = TRAINED, score(value)
        experiment.runs.append(run)
        state.experiments[node] = experiment
    return state


@pytest.fixture(scope="module")
def large() -> JobState:
    return job_of(MOST)


def numbers(state: JobState, parent: int) -> list[ExperimentId]:
    return [experiment.id for experiment in told(state, ExperimentId(parent))]


def test_all_of_a_small_job_are_told_of() -> None:
    assert numbers(job_of(TOLD), ROOT) == list(range(1, TOLD + 1))


def test_of_a_large_job_no_more_are_told_of_and_in_order(large: JobState) -> None:
    found = numbers(large, ROOT)

    assert len(found) == TOLD
    assert found == sorted(set(found))


def test_the_place_its_ancestors_the_best_and_what_is_under_way_are_told_of(
    large: JobState,
) -> None:
    assert {*range(1, CHAIN + 1), BEST, MOST} <= set(numbers(large, CHAIN))
    assert CHAIN - 1 in numbers(large, CHAIN)


def test_what_was_derived_from_the_place_is_told_of_however_old(large: JobState) -> None:
    assert {1, 2} <= set(numbers(large, 1))
    assert 2 not in numbers(large, BEST)
