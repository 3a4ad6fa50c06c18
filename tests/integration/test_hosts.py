"""Several hosts: each in a network of its own, and one is cut off in the middle of a run.

A hub has planner, researcher, evaluator, Redis and an S3 server. Two hosts join it as executors,
with a folder each. They share no files but the base model and the code.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from shared.contracts.base import JobId
from shared.contracts.events import WorkEnded, WorkLost
from shared.contracts.job import Baselines, Budget, JobData, JobSpec, Limits, MetricName
from shared.contracts.mapping import Mapping as RowMapping
from shared.contracts.run import Trained
from shared.settings import ClientSettings
from shared.vault import seal
from tests.support.nano import write_rows
from tests.support.netns import HUB_ADDRESS, Host, hub_and_hosts, why_not
from tests.support.s3 import BUCKET, KEYS, s3_client, s3_server
from trex.client import Address, TrexClient
from trex.processes import start, stop
from trex.server import find_server
from trex.sharing_rows import shared_rows

REFUSED = why_not()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(420),
    pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED)),
]

PLANNER = f"http://{HUB_ADDRESS}:8686"
QUEUE = f"redis://:secret@{HUB_ADDRESS}:6379/0"
STORE = f"s3://{BUCKET}/artifacts"


@dataclass
class Executor:
    """One that joined, on a host of its own."""

    host: Host
    home: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def join(self) -> None:
        words = ("-m", "trex", "join", PLANNER, "--token", "join-me", "--folder", str(self.home))
        python = str(Path(".venv/bin/python"))
        self.process = start(
            self.host.runs(python, *words), log=self.log, environment=environment()
        )

    @property
    def log(self) -> Path:
        return self.home.with_suffix(".log")

    def claims(self) -> list[str]:
        """Return the runs that it began or went on with, one for each attempt, in their order."""
        attempts = sorted(
            self.home.glob("j-*/run-*/attempt-*"), key=lambda one: one.stat().st_ctime
        )
        return [attempt.parent.name for attempt in attempts]


@dataclass
class Rack:
    """Everything, and the hub to ask."""

    client: TrexClient
    executors: list[Executor]
    vault: Path
    s3: str
    """Address of the server that has the bucket."""

    def ready(self) -> Mapping[str, int]:
        try:
            answer = httpx.get(f"{PLANNER}/health/ready", trust_env=False)
            return answer.json() if answer.is_success else {}
        except httpx.TransportError:
            return {}

    def published(self, job: JobId) -> set[str]:
        """Return what is in the store, seen without our code.

        Its threads, if an earlier test has started them, are in the network they began in.
        """
        found = s3_client(self.s3).list_objects_v2(Bucket=BUCKET, Prefix=f"artifacts/{job}/")
        ends = ".manifest.json"
        keys = [one["Key"] for one in found["Contents"]]
        return {f"s3://{BUCKET}/{key.removesuffix(ends)}" for key in keys if key.endswith(ends)}

    def training(self, job: JobId) -> set[int]:
        """Return the experiments that some executor trains right now."""
        nodes = self.client.tree(job).nodes
        return {
            node.experiment
            for node in nodes
            if node.progress and node.progress.phase == "training" and node.progress.step > 0
        }


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TREX_")}
    threads = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**own, **threads, "PYTHONUNBUFFERED": "1", **more}


def wait_until(reached: Callable[[], object], what: str, for_s: float = 150) -> None:
    deadline = time.monotonic() + for_s
    while not reached():
        assert time.monotonic() < deadline, f"not reached: {what}"
        time.sleep(0.1)


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    vault = tmp_path / "vault"
    with ExitStack() as stack:
        hub, hosts = stack.enter_context(hub_and_hosts(2))
        stack.enter_context(hub.inside())
        s3 = stack.enter_context(s3_server(tmp_path / "s3.log", host=HUB_ADDRESS, port=9000))
        keys = {**KEYS, "AWS_ENDPOINT_URL": s3}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in keys.items():
            patch.setenv(name, value)
        redis = ["--bind", HUB_ADDRESS, "--port", "6379", "--requirepass", "secret", "--save", ""]
        services = [start([str(find_server()), *redis], log=tmp_path / "redis.log")]
        stack.callback(stop, services)
        given = {
            "TREX_QUEUE_URL": QUEUE,
            "TREX_QUEUE_HEARTBEAT_S": "1",
            "TREX_QUEUE_STOP_GRACE_S": "3",
            "TREX_ARTIFACTS_URL": STORE,
            "TREX_ARTIFACTS_FOLDER": str(tmp_path / "hub"),
            "TREX_EVALUATOR_VAULT": str(vault),
            "TREX_PLANNER_HOST": HUB_ADDRESS,
            "TREX_PLANNER_TOKEN": "t0ken",
            "TREX_PLANNER_JOIN_TOKEN": "join-me",
            "TREX_PLANNER_JOIN_QUEUE_URL": QUEUE,
            "TREX_PLANNER_JOIN_ENVIRONMENT": httpx.Request("GET", s3, json=keys).content.decode(),
        }
        for service in ("planner", "researcher", "evaluator"):
            command = [".venv/bin/python", "-m", f"services.{service}"]
            log = tmp_path / f"{service}.log"
            services.append(start(command, log=log, environment=environment(**given)))
        executors = [Executor(host, tmp_path / f"host-{n}") for n, host in enumerate(hosts, 1)]
        client = stack.enter_context(TrexClient(Address(PLANNER, "t0ken")))
        rack = Rack(client, executors, vault, s3)
        wait_until(rack.ready, "a planner that answers")
        for executor in executors:
            # A host knows no keys: it is told them.
            for name in keys:
                patch.delenv(name, raising=False)
            executor.join()
            services.append(executor.process)
        for name, value in keys.items():
            patch.setenv(name, value)
        everyone = {"status": "ready", "researcher": 1, "executor": 2, "evaluator": 1}
        wait_until(lambda: rack.ready() == everyone, "all services ready")
        yield rack


def spec_of(rack: Rack, base: Path, mapping: RowMapping, folder: Path) -> JobSpec:
    settings = ClientSettings(url=PLANNER)
    train = str(write_rows(folder / "train.jsonl", rows=4000))
    dev, test = (write_rows(folder / f"{split}.jsonl", rows=30) for split in ("dev", "test"))
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(base),
        data=JobData(
            train=shared_rows(train, rack.client, settings, print),
            dev=seal(dev, rack.vault, "dev"),
            test=seal(test, rack.vault, "test"),
            mapping=mapping,
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=4),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=8, checkpoints=2),
        baselines=Baselines(shots=0),
        guards=(),
    )


def test_a_host_that_is_cut_off_costs_what_it_was_doing_and_works_again_when_it_is_back(
    rack: Rack, nano_base: Path, mapping: RowMapping, tmp_path: Path
) -> None:
    one, two = rack.executors
    began = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {words}")  # noqa: T201 - what happened

    job = rack.client.submit(spec_of(rack, nano_base, mapping, tmp_path)).job_id

    def lost() -> list[str]:
        return [e.work_id for e in rack.client.ledger(job) if isinstance(e, WorkLost)]

    def number(work: str) -> int:
        return int(work.split("-")[1])

    # Cut off in the middle of a run.
    wait_until(
        lambda: one.claims() and number(one.claims()[-1]) in rack.training(job),
        "the first host trains",
    )
    stranded = one.claims()[-1]
    one.host.cut_off()
    tell(f"host 1 trains {stranded} and is cut off")
    wait_until(lambda: stranded in lost(), "its lease is over")
    tell(f"the planner counts {stranded} as lost")
    wait_until(lambda: "is taken back when its lease" in one.log.read_text(), "it stops by itself")
    tell(f"host 1, still cut off, has stopped {stranded} by itself")
    wait_until(lambda: stranded in two.claims(), "the second host takes over")
    tell(f"host 2 has begun {stranded} anew")

    # Back, while the other one leaves in the middle of a run.
    one.host.connect()
    tell("host 1 is connected again")
    wait_until(lambda: rack.ready()["executor"] == 2, "it is back")
    tell("the planner counts two executors again")
    before = len(one.claims())
    wait_until(
        lambda: (
            (two.claims() and number(two.claims()[-1]) in rack.training(job))
            or len(one.claims()) > before
        ),
        "the second host trains",
    )
    left = two.claims()[-1]
    two.process.send_signal(signal.SIGTERM)
    two.process.wait(60)
    tell(f"host 2 was told to leave while it had {left}, and is gone")
    wait_until(lambda: rack.client.job(job).state == "finished", "the end")
    tell(f"the job is over: {rack.client.job(job).sentence}")

    nodes = rack.client.tree(job).nodes
    assert [node.state for node in nodes] == ["done"] * 5
    assert len(one.claims()) > before, "the host that was back had nothing to do"
    claims = [*one.claims(), *two.claims()]
    twice = {work for work in claims if claims.count(work) > 1}
    assert set(lost()) == {stranded}
    assert twice <= {stranded, left}, f"done twice for no reason: {claims}"
    tell(f"claims: host 1 {one.claims()}, host 2 {two.claims()}")

    outcomes = [
        event.result
        for event in rack.client.ledger(job)
        if isinstance(event, WorkEnded) and isinstance(event.result, Trained)
    ]
    assert all(made.checkpoint.startswith(f"{STORE}/{job}/run-") for made in outcomes)
    kept = {one.folder for one in rack.client.report(job).kept}
    there = rack.published(job)
    assert there == kept
    tell(f"the store has {len(there)} checkpoints, the ones the report names")
