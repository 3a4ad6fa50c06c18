"""Profile gpu without a GPU: real vLLM servers, on the processor, score and propose."""

import re
from collections.abc import Iterator, Sequence

import pytest

from shared.contracts.events import Event, WorkEnded
from shared.contracts.job import JobSpec
from shared.contracts.proposal import Proposals
from shared.contracts.score import Score
from shared.contracts.views import JobView
from tests.support.colour_job import colour_job
from tests.support.composing import Compose, finished, project
from tests.support.gpus import make_nvidia_smi
from tests.support.nano import make_silly_model
from trex.client import TrexClient

pytestmark = pytest.mark.timeout(1800)

GPUS = ("GPU-0000-aaaa", "GPU-1111-aaaa", "GPU-2222-aaaa", "GPU-3333-aaaa")
"""Names alone; the first two are for the servers."""


@pytest.fixture(scope="module")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile gpu, its images built."""
    data = tmp_path_factory.mktemp("data")
    with project("tests/compose/gpu.yml", data=data, profile="gpu") as compose:
        compose("build")
        yield compose


@pytest.fixture(scope="module")
def spec(compose: Compose) -> JobSpec:
    return colour_job(compose.data)


@pytest.fixture(scope="module")
def system(compose: Compose, spec: JobSpec) -> Iterator[TrexClient]:
    """Profile gpu with two executors, ready."""
    make_silly_model(compose.data)
    make_nvidia_smi(compose.data, *GPUS)
    compose.environment.update(
        BASE_MODEL=spec.base_model,
        TREX_RESEARCHER_MODEL="/data/silly",
        TREX_RESEARCHER_MAX_TOKENS="768",
        EXECUTOR_GPUS="2,3",
    )
    compose("up", "--detach", "--wait", "--scale", "executor-gpu=2")
    with TrexClient(compose.address) as client:
        yield client


@pytest.fixture(scope="module")
def job(system: TrexClient, spec: JobSpec) -> JobView:
    return finished(system, spec)


@pytest.fixture(scope="module")
def ledger(system: TrexClient, job: JobView) -> Sequence[Event]:
    return system.ledger(job.job_id)


def test_the_server_beside_the_evaluator_scores_the_base_model_and_every_adapter(
    job: JobView, ledger: Sequence[Event]
) -> None:
    ended = {event.work_id: event.result for event in ledger if isinstance(event, WorkEnded)}
    scores = {work: result for work, result in ended.items() if isinstance(result, Score)}

    assert set(scores) >= {"score-0", "score-1", "score-2", "score-3"}
    assert {re.sub(r"[\d.]+", "N", score.engine) for score in scores.values()} == {
        "vllm N at http://scorer:N"
    }
    assert job.best is not None
    assert job.base is not None
    assert job.best.value > job.base.value


def test_every_proposal_was_asked_of_the_researchers_model(ledger: Sequence[Event]) -> None:
    ended = [event.result for event in ledger if isinstance(event, WorkEnded)]
    counsels = [result.counsel for result in ended if isinstance(result, Proposals)]

    assert counsels
    assert all(counsel is not None and counsel.calls for counsel in counsels)


def test_each_executor_takes_a_gpu_of_its_own(compose: Compose, job: JobView) -> None:
    said = compose("logs", "executor-gpu").stdout

    assert set(re.findall(r"trains on (\S+)", said)) == set(GPUS[2:])
