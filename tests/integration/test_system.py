"""A whole system: the embedded server, every service as a process, one job from end to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName
from shared.contracts.lesson import Remark
from shared.contracts.mapping import Mapping
from shared.contracts.run import Trained
from shared.contracts.views import TreeView
from shared.errors import Rejected
from shared.notebook_redis import RedisNotebook
from shared.store_redis import connect
from tests.support.examples import banked_lesson
from tests.support.nano import write_rows
from trex.approval import complete
from trex.client import TrexClient
from trex.draftfile import read_draft
from trex.jobfile import read_job
from trex.local import System, running
from trex.top import Sight
from trex.watching import wait_for_plan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def system(home: Path) -> Iterator[System]:
    before = set(psutil.Process().children(recursive=True))
    with running(home, say=lambda _: None) as system:
        yield system
    left = [p for p in psutil.Process().children(recursive=True) if p not in before]
    assert left == [], "the system left processes behind"


@pytest.fixture
def client(system: System) -> Iterator[TrexClient]:
    with TrexClient(system.address) as client:
        yield client


@pytest.fixture
def spec(nano_base: Path, rows: Path, mapping: Mapping, tmp_path: Path) -> JobSpec:
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(nano_base),
        data=JobData(
            train=str(rows),
            dev=str(write_rows(tmp_path / "dev.jsonl", rows=30)),
            test=str(write_rows(tmp_path / "test.jsonl", rows=36)),
            mapping=mapping,
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=2),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=4),
    )


def processes(service: str) -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children() if f"services.{service}" in child.cmdline()
    ]


def wait_for(client: TrexClient, job_id: str, reached: Callable[[TreeView], bool]) -> TreeView:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        tree = client.tree(type(client.jobs()[0].job_id)(job_id))
        if reached(tree):
            return tree
        time.sleep(0.1)
    raise AssertionError(f"not reached: {tree.job.sentence}")


def is_over(tree: TreeView) -> bool:
    return tree.job.state in ("finished", "cancelled", "failed")


def test_every_service_is_a_process_of_its_own(system: System) -> None:
    counts = {
        service: len(processes(service))
        for service in ("planner", "researcher", "executor", "evaluator")
    }

    assert counts == {"planner": 1, "researcher": 1, "executor": 1, "evaluator": 1}
    assert any("valkey" in child.name() for child in psutil.Process().children())


def test_an_executor_says_what_its_machine_can_train(client: TrexClient) -> None:
    deadline = time.monotonic() + 60
    while not (machines := client.system().machines) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert [machine.devices for machine in machines] == [1]
    assert client.system().executors == 1


def test_top_shows_every_worker_idle_and_well(system: System, home: Path) -> None:
    command = [sys.executable, "-m", "trex", "top", "--once", "--json"]
    environment = {**os.environ, "TREX_HOME": str(home)}

    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    sight = Sight.model_validate_json(shown.stdout)
    workers = sight.workers.workers
    assert [one.service for one in workers] == ["evaluator", "executor", "researcher"]
    assert all(one.takes_work and one.doing is None and one.trouble == () for one in workers)
    assert [one.free_gib is None for one in workers] == [False, False, True]
    assert [queue.queued + queue.leased for queue in sight.queues] == [0, 0, 0]


def test_a_lesson_that_a_researcher_banked_can_be_read_edited_and_forgotten(
    client: TrexClient,
) -> None:
    [planner] = processes("planner")
    lesson = banked_lesson(factor="near_duplicates threshold")
    with connect(planner.environ()["TREX_QUEUE_URL"]) as redis:
        RedisNotebook(redis).bank(lesson)

    listed = client.lessons(factor=lesson.factor)
    edited = client.edit_lesson(lesson.id, Remark(ignored=True))
    client.forget_lesson(lesson.id)

    assert listed == [lesson]
    assert edited == lesson.model_copy(update={"ignored": True})
    assert client.lessons() == []


def test_a_job_survives_the_death_of_its_executor_in_mid_run(
    client: TrexClient, spec: JobSpec, home: Path
) -> None:
    job = client.submit(spec)
    wait_for(
        client,
        job.job_id,
        lambda tree: any(n.progress and n.progress.phase == "training" for n in tree.nodes),
    )
    [executor] = processes("executor")
    family = [executor, *executor.children(recursive=True)]

    executor.send_signal(signal.SIGKILL)
    ended = wait_for(client, job.job_id, is_over)

    assert ended.job.state == "finished", ended.job.sentence
    assert [node.state for node in ended.nodes] == ["done", "done", "done"]
    kinds = [message.event for message in client.follow(job.job_id)]
    assert "work_lost" in kinds
    assert psutil.wait_procs(family, timeout=10)[1] == [], "training outlived its worker"
    experiment = client.experiment(job.job_id, 1)
    assert isinstance(experiment.outcome, Trained)
    assert Path(experiment.outcome.checkpoint).is_dir()
    abandoned = [p for p in home.glob("artifacts/*/*/*/*") if p.name.startswith("checkpoint.")]
    assert abandoned == []


def test_a_draft_is_planned_approved_and_carried_out(
    client: TrexClient, nano_base: Path, rows: Path, tmp_path: Path
) -> None:
    (tmp_path / "colours.yaml").write_text(
        "goal: Say the opposite colour\n"
        f"data: {{train: {rows}}}\n"
        "budget: {experiments: 1}\n"
        "baselines: {shots: 0}\n"
        "guards: []\n"
        "limits: {max_length: 64, max_new_tokens: 8, run_s: 4}\n"
    )
    draft = read_draft(tmp_path / "colours.yaml")
    planned = wait_for_plan(client, client.draft(draft).job_id, lambda _: None)
    assert planned.plan is not None, planned.job.sentence
    assert planned.job.state == "waiting"
    open_fields = {choice.field for choice in planned.plan.choices}
    assert open_fields == {"metric", "base_model", "dev", "confirm", "test"}

    out = tmp_path / "job.yaml"
    spec = complete(planned, {"base_model": str(nano_base)}, out, lambda _: None)
    client.approve(planned.job.job_id, spec)
    ended = wait_for(client, planned.job.job_id, is_over)

    assert ended.job.state == "finished", ended.job.sentence
    assert [node.state for node in ended.nodes] == ["done", "done"]
    assert client.report(planned.job.job_id).spec == spec == read_job(out)
    kinds = [message.event for message in client.follow(planned.job.job_id)]
    ledger = [kind for kind in kinds if kind != "progress"]
    assert ledger[:4] == ["job_drafted", "work_ordered", "work_ended", "job_submitted"]


def test_cancelling_frees_the_executor(client: TrexClient, spec: JobSpec) -> None:
    long = spec.model_copy(
        update={"limits": Limits(max_length=64, max_new_tokens=8, run_s=500), "seed": 3}
    )
    job = client.submit(long)
    wait_for(
        client,
        job.job_id,
        lambda tree: any(n.progress and n.progress.phase == "training" for n in tree.nodes),
    )

    client.cancel(job.job_id)
    ended = wait_for(client, job.job_id, is_over)

    assert ended.job.state == "cancelled"
    assert "cancelled by the user" in ended.job.sentence


def test_dev_rows_that_cannot_be_read_fail_the_job_in_one_sentence(
    client: TrexClient, spec: JobSpec, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "a", "answer": "b"}\n{"text": \n')
    data = spec.data.model_copy(update={"dev": str(broken)})

    job = client.submit(spec.model_copy(update={"data": data}))
    ended = wait_for(client, job.job_id, is_over)

    assert ended.job.state == "failed"
    assert "broken.jsonl line 2: wanted one JSON object a line" in ended.job.sentence


def test_a_second_system_in_the_same_home_is_refused(system: System, home: Path) -> None:
    with (
        pytest.raises(Rejected, match="found one running there"),
        running(home, say=lambda _: None),
    ):
        pass


def test_a_port_that_is_taken_is_refused(system: System, tmp_path: Path) -> None:
    taken = int(system.address.url.rpartition(":")[2])

    with (
        pytest.raises(Rejected, match=f"wanted port {taken} for the REST API, found it taken"),
        running(tmp_path, port=taken, say=lambda _: None),
    ):
        pass


def test_the_address_is_for_this_user_alone(system: System, home: Path) -> None:
    assert os.stat(home / "connection.json").st_mode & 0o777 == 0o600  # noqa: PTH116
