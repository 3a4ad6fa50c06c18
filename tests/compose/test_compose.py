"""The demo in containers: one executor is killed in mid-run, and who may do what is tried."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shared.contracts.base import JobId
from shared.contracts.events import WorkEnded, WorkLost
from shared.contracts.job import JobSpec
from shared.contracts.views import JobView, Report
from tests.support.composing import Compose, docker, project, wait_for
from trex.client import TrexClient

pytestmark = pytest.mark.timeout(1800)

SERVICES = ("planner", "researcher", "executor", "evaluator")
WORKERS = SERVICES[1:]
MB = 1_000_000


@pytest.fixture(scope="module")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile cpu, its images built; nothing but images is left of it."""
    with project("tests/compose/quick.yml", data=tmp_path_factory.mktemp("data")) as compose:
        compose("--profile", "cpu", "--profile", "demo", "build")
        yield compose


@pytest.fixture(scope="module")
def system(compose: Compose) -> Iterator[TrexClient]:
    """Profile cpu with two executors, ready."""
    compose("up", "--detach", "--wait", "--scale", "executor=2")
    with TrexClient(compose.address) as client:
        yield client


@pytest.fixture(scope="module")
def spec(compose: Compose, system: TrexClient) -> JobSpec:
    """The demo's job, three experiments of it, its rows to score on sealed."""
    job_file = Path(compose("run", "--rm", "--no-TTY", "demo").stdout.strip())
    job = yaml.safe_load(compose.inside("evaluator", "cat", str(job_file)))
    data, folder = job["data"], job_file.parent
    data["train"] = str(folder / data["train"])
    for split in ("dev", "confirm", "test"):
        rows = str(folder / data[split])
        sealing = ("python", "-m", "trex", "seal", rows, "--split", split)
        data[split] = compose.inside("evaluator", *sealing).strip()
        compose("run", "--rm", "--no-TTY", "demo", "rm", rows)
    job["base_model"] = str(folder / job["base_model"])
    job["budget"] = {"experiments": 3}
    job["limits"]["run_s"] = 40
    return JobSpec.model_validate(job)


@pytest.fixture(scope="module")
def job(compose: Compose, system: TrexClient, spec: JobSpec) -> JobView:
    """The job at its end. While both executors trained, one was killed."""
    job_id = system.submit(spec).job_id
    wait_for(lambda: training(system, job_id) == 2, what="two runs that train", for_s=300)
    docker("kill", compose.containers("executor")[0])
    wait_for(lambda: system.job(job_id).state == "finished", what="the job's end", for_s=900)
    return system.job(job_id)


@pytest.fixture(scope="module")
def report(system: TrexClient, job: JobView) -> Report:
    return system.report(job.job_id)


def training(system: TrexClient, job_id: JobId) -> int:
    nodes = system.tree(job_id).nodes
    return sum(
        node.state == "training" and node.progress is not None and node.progress.step is not None
        for node in nodes
    )


def test_the_run_of_the_executor_that_was_killed_went_on_in_the_other(
    compose: Compose, system: TrexClient, job: JobView
) -> None:
    events = system.ledger(job.job_id)
    lost = [event for event in events if isinstance(event, WorkLost)]
    ended = [event for event in events if isinstance(event, WorkEnded)]

    assert [event.attempt for event in lost] == [1]
    assert [e.result.kind for e in ended if e.work_id == lost[0].work_id] == ["trained"]
    assert [e.attempt for e in ended if e.work_id == lost[0].work_id] == [2]
    assert len(compose.containers("executor")) == 1


def test_the_job_hands_back_a_model_that_learned_and_says_how_sure_it_is(
    compose: Compose, job: JobView, report: Report
) -> None:
    assert (job.state, job.spent.experiments) == ("finished", 3)
    assert job.base is not None
    assert job.best is not None
    assert job.best.value > job.base.value
    assert "| test |" in report.markdown
    print(report.markdown)


def test_no_score_was_changed_says_the_vault(compose: Compose, job: JobView) -> None:
    address = ("--env", "TREX_URL=http://planner:8686")
    token = ("--env", f"TREX_TOKEN={compose.environment['TREX_PLANNER_TOKEN']}")
    verify = ("python", "-m", "trex", "verify", str(job.job_id))

    said = compose("exec", "--no-TTY", *address, *token, "evaluator", *verify).stdout

    assert "unbroken, signed by" in said


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_nobody_writes_nowhere_else_and_gets_no_rights(
    compose: Compose, system: TrexClient, service: str
) -> None:
    status = compose.inside(service, "cat", "/proc/1/status")

    assert compose.inside(service, "id", "-u").strip() == "65534"
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in compose.inside(service, "touch", "/app/x", check=False)


def test_redis_is_no_root_either(compose: Compose, system: TrexClient) -> None:
    assert compose.inside("redis", "id", "-u").strip() == "999"
    assert "NOAUTH" in compose.inside("redis", "redis-cli", "get", "trex:jobs")


@pytest.mark.parametrize("service", ["planner", "researcher", "executor"])
def test_what_is_sealed_and_the_benchmarks_answers_are_not_there_but_for_the_evaluator(
    compose: Compose, system: TrexClient, service: str
) -> None:
    found = compose.inside(service, "find", "/", "-xdev", "-maxdepth", "3", "-path", "/proc",
                           "-prune", "-o", "-print", check=False).split()  # fmt: skip

    assert "/app/shared" in found
    assert not {"/vault", "/ftbench", "/app/ftbench/tasks"} & set(found)
    mounts = json.loads(
        docker("inspect", "--format", "{{json .Mounts}}", compose.containers(service)[0])
    )
    assert not {"/vault", "/ftbench"} & {mount["Destination"] for mount in mounts}


def test_an_executor_cannot_read_what_a_job_was_told(compose: Compose, job: JobView) -> None:
    asking = (
        "import os, redis; r = redis.Redis.from_url(os.environ['TREX_QUEUE_URL']); "
        f"r.xrange('trex:{{{job.job_id}}}:ledger')"
    )

    assert "no permissions" in compose.inside("executor", "python", "-c", asking, check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_what_it_is(compose: Compose, service: str) -> None:
    labels = json.loads(
        docker("inspect", "--format", "{{json .Config.Labels}}", f"open-trex/{service}")
    )
    titles = {name.rpartition(".")[2]: value for name, value in labels.items()}

    assert titles["title"] == f"open-trex {service}"
    assert titles["revision"] == "under-test"
    assert titles["licenses"] == "Apache-2.0"


def test_the_planner_is_small(compose: Compose) -> None:
    base = compose.environment.get("PYTHON_IMAGE", "python:3.11-slim")
    sizes = {
        name: int(docker("inspect", "--format", "{{.Size}}", name))
        for name in (base, *(f"open-trex/{service}" for service in (*SERVICES, "demo", "redis")))
    }
    for name, size in sizes.items():
        print(f"{name:24} {size / MB:6.0f} MB, {(size - sizes[base]) / MB:6.0f} above {base}")

    assert sizes["open-trex/planner"] - sizes[base] <= 250 * MB


def test_every_profile_names_containers_that_compose_can_start(compose: Compose) -> None:
    with_gpu = ("--profile", "gpu", "--profile", "obs", "config", "--services")

    found = set(compose(*with_gpu).stdout.split())

    assert {"llm", "scorer", "executor-gpu", "evaluator-gpu", "planner"} <= found


@pytest.mark.parametrize(
    "secret", ["TREX_PLANNER_TOKEN", *(f"REDIS_{service.upper()}_PASSWORD" for service in SERVICES)]
)
def test_a_secret_that_is_missing_is_named(compose: Compose, secret: str) -> None:
    refused = compose("config", "--quiet", check=False, without=[secret])

    assert refused.returncode != 0
    assert secret in refused.stderr
    assert "set it in .env, see .env.example" in refused.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_password_of_redis_is_a_sentence(
    compose: Compose, system: TrexClient, service: str
) -> None:
    wrong = f"TREX_QUEUE_URL=redis://{service}:wrong@redis:6379/0"

    ended = compose("run", "--rm", "--no-TTY", "--no-deps", "--env", wrong, service, check=False)

    assert ended.returncode == 2
    assert "refuses the user or the password of TREX_QUEUE_URL" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("service", "folder"), [("executor", "/artifacts"), ("evaluator", "/vault")]
)
def test_a_volume_that_cannot_be_written_is_a_sentence(
    compose: Compose, system: TrexClient, service: str, folder: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)  # root's, or of whoever tests
    volume = ("--volume", f"{tmp_path}:{folder}")

    ended = compose("run", "--rm", "--no-TTY", "--no-deps", *volume, service, check=False)

    assert ended.returncode == 2
    assert f"wanted to write in {folder} as user 65534" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_port_that_is_taken_is_named(compose: Compose, system: TrexClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"127.0.0.1:{taken.getsockname()[1]}"
        publish = ("--publish", f"{port}:8686")

        ended = compose("run", "--rm", "--no-TTY", "--no-deps", *publish, "planner", check=False)

    assert ended.returncode != 0
    assert port in ended.stderr
    assert "address already in use" in ended.stderr
