import pytest

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.work import Request
from shared.telemetry.stories import opening_of, told_in, trace_of
from tests.support.examples import (
    BRIEF_REQUEST,
    DIAGNOSE_REQUEST,
    DISCARD_REQUEST,
    JOB,
    PLAN_REQUEST,
    PROPOSE_REQUEST,
    RUN_REQUEST,
    SCORE_REQUEST,
)

ONE, TWO = ExperimentId(1), ExperimentId(2)


def test_a_story_has_the_same_ids_on_every_machine_and_after_every_restart() -> None:
    assert f"{trace_of(JOB, ONE):032x}" == "d006e8ca0783e0ffe3b3d2096ad2075f"
    assert f"{opening_of(JOB, ONE):016x}" == "9ef7b9e4cde1c5ad"


def test_every_experiment_of_every_job_has_a_story_of_its_own() -> None:
    jobs = [type(JOB)(f"j-{number}") for number in range(20)]
    stories = {trace_of(job, ExperimentId(n)) for job in jobs for n in range(50)}

    assert len(stories) == 20 * 50
    assert all(0 < story < 2**128 for story in stories)
    assert all(0 < opening_of(job, ONE) < 2**64 for job in jobs)


@pytest.mark.parametrize(
    ("request_", "stories"),
    [
        (PLAN_REQUEST, (ROOT,)),
        (BRIEF_REQUEST, (ROOT,)),
        (DISCARD_REQUEST, (ROOT,)),
        (PROPOSE_REQUEST.model_copy(update={"experiments": (ONE, TWO)}), (ONE, TWO)),
        (RUN_REQUEST, (ONE,)),
        (SCORE_REQUEST, (ONE,)),
        (DIAGNOSE_REQUEST, (ONE,)),
    ],
)
def test_work_is_told_in_the_stories_of_its_experiments_or_else_of_the_job(
    request_: Request, stories: tuple[ExperimentId, ...]
) -> None:
    assert told_in(request_) == stories
