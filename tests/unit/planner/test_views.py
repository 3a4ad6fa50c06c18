"""What a user reads of a job while it runs."""

import re
from typing import Any

import pytest

from services.planner.views import experiment_view, node_view, tree_view
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.counsel import Counsel, Spend
from shared.contracts.job import Fidelity, JobSpec, Search
from shared.contracts.proposal import Gain, Proposals
from shared.contracts.work import Request, Result
from tests.support.examples import JOB, PROGRESS
from tests.support.planning import Answer, Bench, good_news, with_search, worse_and_worse

ONE = ExperimentId(1)
PLAIN = with_search(Search(smallest_gain=0), confirm=True)
SHORT = with_search(Search(fidelity=Fidelity.STEPS, smallest_gain=0), experiments=6)
RECIPE = with_search(Search(deliver="recipe", smallest_gain=0), confirm=True, experiments=30)


def busy_with(work: str, spec: JobSpec, answer: Answer = good_news) -> Bench:
    """A job of which a worker has just taken a piece of work of that name, or like that one."""
    bench = Bench(spec, answer, executors=1)
    bench.loop.step(JOB)
    while not re.fullmatch(work, bench.rung[0]):
        bench.answer_next()
        bench.loop.step(JOB)
    claim = bench.store.claim(JOB, bench.rung[0], lease_s=60)
    assert claim is not None
    bench.store.renew(claim, lease_s=60, progress=PROGRESS)
    return bench


@pytest.mark.parametrize(
    ("work", "spec", "said"),
    [
        ("brief", PLAIN, "studying the training data"),
        ("score-0", PLAIN, "scoring the base model"),
        ("propose-1", PLAIN, "proposing #1 a fresh start from the base model"),
        ("run-1", PLAIN, "training #1 below the base model"),
        ("check-4", PLAIN, "looking at finalist #4 again"),
        ("test-0", PLAIN, "opening the test split for the base model"),
        (r"run-\d+\.2", SHORT, r"training #\d+ further"),
        (r"run-\d+\.2", RECIPE, r"training finalist #\d+ with another seed"),
        ("discard-1", SHORT, "removing checkpoints that nothing wants any more"),
    ],
)
def test_what_a_worker_does_is_said_in_words(work: str, spec: JobSpec, said: str) -> None:
    assert re.search(said, busy_with(work, spec).view.sentence)


def test_a_run_that_nobody_has_taken_waits() -> None:
    bench = Bench(PLAIN, executors=1)

    bench.run_until(lambda state: "run-1" in state.in_flight)

    assert "#1 waits for an executor" in bench.view.sentence


@pytest.mark.parametrize(
    ("work", "state"), [("score-1", "searching"), ("check-4", "finishing"), ("test-0", "finishing")]
)
def test_a_job_that_looks_at_its_finalists_is_finishing(work: str, state: str) -> None:
    assert busy_with(work, PLAIN).view.state == state


def shown(bench: Bench) -> dict[int, str]:
    view = tree_view(bench.state, bench.store.progress(JOB), now=bench.now)
    return {node.experiment: node.state for node in view.nodes}


def test_every_node_says_how_far_it_has_come() -> None:
    bench = busy_with("run-2", PLAIN)

    assert shown(bench) == {0: "done", 1: "scoring", 2: "training", 3: "proposing"}


def test_a_node_that_was_run_short_alone_says_so() -> None:
    bench = busy_with(r"run-1\.3", SHORT, worse_and_worse)
    assert shown(bench)[1] == "training"
    assert shown(bench)[2] == "short"


def test_what_was_run_short_alone_is_shown_as_that_with_its_fidelity_and_belief() -> None:
    bench = Bench(SHORT, worse_and_worse, executors=1)
    state = bench.run_until(lambda state: "run-1.2" in state.ordered)
    experiment = state.experiments[ONE]

    node = node_view(state, experiment, {})

    assert node.fidelity == pytest.approx(1 / 9)
    assert node.believed == state.search.posterior.mean[1]
    assert node.deviation == pytest.approx(state.search.posterior.variance[1] ** 0.5)
    assert node_view(state, state.experiments[ROOT], {}).believed is None


def test_a_finalist_shows_both_of_its_scores() -> None:
    bench = Bench(PLAIN)

    state = bench.run_to_the_end()

    node = node_view(state, state.experiments[ExperimentId(4)], {})
    assert node.score is not None
    assert node.confirm is not None


def test_a_node_shows_the_idea_behind_it_and_what_a_model_had_to_do_with_it() -> None:
    counsel = Counsel(model="qwen3", calls=2, spend=Spend(tokens=900))
    idea: dict[str, Any] = {
        "proposer": "llm",
        "direction": "hyperparameters",
        "hypothesis": "the loss fell too slowly",
        "gain": Gain(low=-0.01, mean=0.03, high=0.08),
        "falsifier": "the loss falls no faster",
        "predicted_s": 130.0,
    }

    def with_an_idea(request: Request) -> Result:
        result = good_news(request)
        if not isinstance(result, Proposals):
            return result
        proposals = tuple(one.model_copy(update=idea) for one in result.proposals)
        return result.model_copy(update={"proposals": proposals, "counsel": counsel})

    bench = Bench(PLAIN, with_an_idea)
    state = bench.run_until(lambda state: "run-1" in state.in_flight)

    view = experiment_view(state, state.experiments[ONE], {})

    assert {name: getattr(view, name) for name in idea} == idea
    assert view.counsel == counsel
