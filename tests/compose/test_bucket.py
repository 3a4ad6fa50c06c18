"""What containers make lies in a bucket, and in no folder that two of them share."""

import json
from collections.abc import Iterator

import pytest

from shared.contracts.views import JobView
from tests.support.colour_job import colour_job
from tests.support.composing import Compose, finished, project
from tests.support.s3 import BUCKET, KEYS
from trex.client import TrexClient

pytestmark = pytest.mark.timeout(1800)

AT = "http://localhost:9000"

CREATE = f"import boto3; boto3.client('s3', endpoint_url='{AT}').create_bucket(Bucket='{BUCKET}')"

LIST = (
    f"import boto3, json; objects = boto3.resource('s3', endpoint_url='{AT}').Bucket('{BUCKET}'); "
    "print(json.dumps([one.key for one in objects.objects.all()]))"
)


@pytest.fixture(scope="module")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile cpu as on several hosts, its images built."""
    with project("tests/compose/bucket.yml", data=tmp_path_factory.mktemp("data")) as compose:
        compose("build")
        yield compose


@pytest.fixture(scope="module")
def system(compose: Compose) -> Iterator[TrexClient]:
    """Two executors and a bucket, ready."""
    compose.environment.update(
        KEYS, TREX_ARTIFACTS_URL=f"s3://{BUCKET}", AWS_ENDPOINT_URL="http://bucket:9000"
    )
    compose("up", "--detach", "--wait", "bucket")
    compose.inside("bucket", "python3", "-c", CREATE)
    compose("up", "--detach", "--wait", "--scale", "executor=2")
    with TrexClient(compose.address) as client:
        yield client


@pytest.fixture(scope="module")
def job(compose: Compose, system: TrexClient) -> JobView:
    return finished(system, colour_job(compose.data))


def test_the_evaluator_scores_what_executors_put_into_the_bucket(job: JobView) -> None:
    assert job.spent.experiments == 3
    assert job.base is not None
    assert job.best is not None
    assert job.best.value > job.base.value


def test_weights_and_manifest_of_every_run_are_there(compose: Compose, job: JobView) -> None:
    keys = json.loads(compose.inside("bucket", "python3", "-c", LIST))

    made = [f"{job.job_id}/run-{number}/attempt-1/checkpoint" for number in (1, 2, 3)]
    assert set(keys) >= {f"{folder}.manifest.json" for folder in made}
    assert {key.rpartition("/")[0] for key in keys if key.endswith("model.safetensors")} >= set(
        made
    )
