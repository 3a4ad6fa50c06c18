"""Profile gpu without a GPU: real vLLM servers, on the processor, score and propose."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shared.contracts.events import Event, WorkEnded
from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.mapping import Templates
from shared.contracts.proposal import Proposals
from shared.contracts.score import Score
from shared.contracts.views import JobView
from tests.support.composing import Compose, wait_for
from tests.support.nano import make_silly_model, make_talking_base, write_rows
from trex.client import TrexClient

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def spec(gpu_compose: Compose) -> JobSpec:
    """A job of three experiments on rows that the services see as /data."""
    data = Path(gpu_compose.environment["DATA_FOLDER"])
    data.chmod(0o755)
    write_rows(data / "train.jsonl", rows=120)
    write_rows(data / "dev.jsonl", rows=30)
    make_talking_base(data)
    return JobSpec(
        goal="Say the opposite colour",
        base_model="/data/base",
        data=JobData(
            train="/data/train.jsonl",
            dev="/data/dev.jsonl",
            mapping=Templates(prompt="{text}", completion="{answer}"),
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=3),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=40),
        search=Search(smallest_gain=0),
    )


@pytest.fixture(scope="module")
def system(gpu_compose: Compose, spec: JobSpec) -> Iterator[TrexClient]:
    """Profile gpu with two executors, ready."""
    make_silly_model(Path(gpu_compose.environment["DATA_FOLDER"]))
    gpu_compose.environment.update(
        BASE_MODEL=spec.base_model,
        TREX_RESEARCHER_MODEL="/data/silly",
        TREX_RESEARCHER_MAX_TOKENS="768",
        EXECUTOR_GPUS="2,3",
    )
    gpu_compose("up", "--detach", "--wait", "--scale", "executor-gpu=2")
    with TrexClient(gpu_compose.address) as client:
        yield client


@pytest.fixture(scope="module")
def job(system: TrexClient, spec: JobSpec) -> JobView:
    """The job at its end."""
    job_id = system.submit(spec).job_id
    wait_for(lambda: system.job(job_id).state == "finished", what="the job's end", for_s=900)
    return system.job(job_id)


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


def test_each_executor_takes_a_gpu_of_its_own(gpu_compose: Compose, job: JobView) -> None:
    said = gpu_compose("logs", "executor-gpu").stdout

    assert sorted(re.findall(r"trains on (GPU-\d+)", said)) == ["GPU-2222", "GPU-3333"]
