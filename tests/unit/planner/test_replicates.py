"""Runs that measure what a training seed does to a score."""

import math
from statistics import stdev

import pytest

from services.planner.experiment import Run
from services.planner.keeping import unwanted
from services.planner.report import report
from services.planner.state import JobState
from shared.contracts.base import ExperimentId
from shared.contracts.job import Budget, Fidelity, Search
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import FAILED, SPEC
from tests.support.planning import (
    ONE,
    Bench,
    good_news,
    has_score,
    run_of,
    score_of,
    scored,
    with_search,
    worse_and_worse,
)

MEASURED = Search(smallest_gain=0, replicates=2)


def replicates(state: JobState) -> list[str]:
    return [work for work in state.ordered if work.startswith("replicate-")]


def by_seed(request: Request) -> Result:
    """As `good_news`, but the first recipe scores 0.2, 0.3 and 0.4 with its three seeds."""
    if isinstance(request, ScoreRequest) and request.experiment == ONE:
        seed = int(request.checkpoint.split("-")[3])
        return scored(request, 0.2 + 0.1 * seed)
    return good_news(request)


def test_as_soon_as_the_first_recipe_has_a_score_it_is_trained_again_with_other_seeds() -> None:
    bench = Bench(with_search(MEASURED, experiments=8), executors=1)

    before = bench.run_until(lambda state: "score-1" in state.in_flight)
    state = bench.run_until(lambda state: has_score(state, ONE))

    assert replicates(before) == []
    assert replicates(state) == ["replicate-1.2", "replicate-1.3"]
    assert set(state.ordered) - set(before.ordered) >= set(replicates(state))
    assert [run_of(state, work).recipe.seed for work in replicates(state)] == [1, 2]
    assert {run_of(state, work).recipe.data for work in replicates(state)} == {
        state.experiments[ONE].recipe.data
    }
    proposed = len(state.experiments)
    state = bench.run_until(lambda state: "score-1.3" in state.ordered)
    assert score_of(state, "score-1.3").split == "dev"
    assert len(state.experiments) == proposed


def test_they_are_paid_from_the_budget_and_told_to_the_search_as_the_same_recipe() -> None:
    bench = Bench(with_search(MEASURED, experiments=6), by_seed)
    state = bench.run_to_the_end()

    tree = state.search.tree
    seeds = [tree.observed_seed[o] for o in tree.observations(1)]
    assert (state.runs, state.asked) == (6, 4)
    assert sorted(seeds) == [0, 1, 2]
    found = state.experiments[ONE].score
    assert found is not None
    assert found.value == pytest.approx(0.2)
    spread = stdev([0.2, 0.3, 0.4])
    assert math.sqrt(state.search.noise.seed) > 0.04
    said = report(state, now=bench.now).markdown
    assert "#1 was trained with 3 seeds; their scores on dev" in said
    assert f"have a standard deviation of {spread:.3f}." in said


@pytest.mark.parametrize(
    ("experiments", "replicates_", "count"),
    [(19, None, 0), (20, None, 2), (20, 0, 0), (4, 1, 1), (3, 5, 2)],
)
def test_a_large_budget_pays_for_them_unasked_and_a_small_one_as_far_as_it_goes(
    experiments: int, replicates_: int | None, count: int
) -> None:
    spec = SPEC.model_copy(
        update={
            "search": Search(smallest_gain=0, replicates=replicates_),
            "budget": Budget(experiments=experiments),
        }
    )

    state = Bench(spec).run_to_the_end()

    assert len(replicates(state)) == count
    assert state.runs == pytest.approx(experiments)


def test_one_that_fails_is_told_and_not_made_up_for() -> None:
    def fails_again(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.recipe.seed == 1:
            return FAILED
        return good_news(request)

    bench = Bench(with_search(MEASURED, experiments=6), fails_again)
    state = bench.run_to_the_end()

    assert len(replicates(state)) == 2
    assert state.experiments[ONE].failure is None
    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", ExperimentId(4))
    said = report(state, now=bench.now).markdown
    assert "#1 was trained with 2 seeds; their" in said
    assert "; 1 more came to nothing." in said


@pytest.mark.parametrize("fidelity", [Fidelity.STEPS, Fidelity.DATA])
def test_with_short_runs_it_is_a_full_run_that_is_repeated_in_full(fidelity: Fidelity) -> None:
    search = MEASURED.model_copy(update={"fidelity": fidelity})

    state = Bench(with_search(search, experiments=6), worse_and_worse).run_to_the_end()

    assert len(replicates(state)) == 2
    for work in replicates(state):
        run = run_of(state, work)
        assert (run.step_share, run.data_share, run.resume_from) == (1.0, 1.0, None)
    number = run_of(state, replicates(state)[0]).experiment
    measured = state.experiments[number].measured
    assert measured is not None
    assert measured.rung == 2
    assert {run_of(state, work).experiment for work in replicates(state)} == {number}


def of_replicates(state: JobState) -> list[Run]:
    return [run for run in state.experiments[ONE].runs if run.replicate]


def test_their_checkpoints_are_kept_until_they_are_scored() -> None:
    bench = Bench(with_search(MEASURED, experiments=8))

    trained = bench.run_until(lambda state: "score-1.3" in state.in_flight)
    made = {r.outcome.checkpoint for r in of_replicates(trained) if isinstance(r.outcome, Trained)}
    assert len(made) == 2
    assert not made <= set(unwanted(trained))

    scored = bench.run_until(lambda state: all(run.score for run in of_replicates(state)))
    assert made <= set(unwanted(scored)) | scored.folders.gone


def test_finalists_get_seeds_that_no_run_of_theirs_had() -> None:
    search = Search(deliver="recipe", smallest_gain=0, replicates=2)

    state = Bench(
        with_search(search, confirm=True, experiments=40), worse_and_worse
    ).run_to_the_end()

    runs = state.experiments[ONE].runs
    again = [run for run in runs if state.experiments[ONE].looks_again(run)]
    assert len({run.seed for run in runs}) == len(runs) > 3
    assert again
    assert all(run.check is not None and run.score is None for run in again)
    assert all(run.check is None for run in runs if run.replicate)


def test_what_is_set_aside_for_them_is_spent_on_others_while_there_is_nothing_to_repeat() -> None:
    def first_fails(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.experiment == ONE:
            return FAILED
        return good_news(request)

    spec = SPEC.model_copy(
        update={
            "search": Search(smallest_gain=0, replicates=5),
            "budget": Budget(experiments=3),
        }
    )

    state = Bench(spec, first_fails).run_to_the_end()

    assert state.ended is not None
    assert state.ended.how == "finished"
    assert state.runs == pytest.approx(3)
