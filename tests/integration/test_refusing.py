"""Workers that must not take work, as processes beside one that may: the job goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from shared.contracts.base import WorkId
from shared.contracts.events import WorkEnded
from shared.contracts.work import Request
from shared.contracts.worker import Worker
from shared.queues import make_app, ring
from shared.store_redis import RedisStore
from tests.support.examples import DISCARD_REQUEST, JOB, RUN_REQUEST, SPEC

pytestmark = pytest.mark.timeout(120)

ROOM_GIB = 0.0
NO_ROOM_GIB = 1e9


class System:
    """The planner's side, played by the test, and workers."""

    def __init__(self, client: redis.Redis, url: str, folder: Path) -> None:
        self.store = RedisStore(client)
        self.store.create(JOB, SPEC, idempotency_key=None)
        hold = self.store.hold(JOB, "planner", lease_s=600)
        assert hold is not None
        self.hold = hold
        self.url, self.folder = url, folder
        self.app = make_app("planner", url)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, contracts: int, room_gib: float) -> int:
        """Return the process of a worker that has been seen."""
        environment = {
            **os.environ,
            "TREX_QUEUE_URL": self.url,
            "TREX_QUEUE_HEARTBEAT_S": "0.5",
            "TREX_ARTIFACTS_FOLDER": str(self.folder),
        }
        command = [
            sys.executable,
            "-m",
            "tests.support.small_worker",
            str(contracts),
            str(room_gib),
        ]
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        self.wait_until(lambda: self.seen(process.pid) is not None)
        return process.pid

    def seen(self, pid: int) -> Worker | None:
        found = [one for one in self.store.living() if one.name.endswith(f":{pid}")]
        return found[0] if found else None

    def log(self, number: int) -> str:
        return (self.folder / f"{number}.log").read_text()

    def order(self, name: str, request: Request) -> None:
        self.store.order(self.hold, WorkId(name), request, why="it should help")
        ring(self.app, JOB, WorkId(name), request)

    def ended(self) -> dict[str, str]:
        """Return who did which work: the checkpoints that runs named, nothing for other work."""
        return {
            event.work_id: getattr(event.result, "checkpoint", "")
            for event in (entry.event for entry in self.store.read(JOB))
            if isinstance(event, WorkEnded)
        }

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Ring again for what is due, as a planner does, until it is so."""
        until = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < until, (self.ended(), self.store.living())
            for work_id in self.store.reap(self.hold):
                request = self.store.request_of(JOB, work_id)
                assert request is not None
                ring(self.app, JOB, work_id, request)
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


@pytest.fixture
def system(client: redis.Redis, server_url: str, tmp_path: Path) -> Iterator[System]:
    system = System(client, server_url, tmp_path)
    yield system
    system.stop()


def test_an_older_worker_is_refused_and_the_job_goes_on_with_one_of_the_version_before(
    system: System,
) -> None:
    system.store.set_contracts(3)
    old = system.start(1, ROOM_GIB)
    system.order("run-1", RUN_REQUEST)
    before = system.start(2, ROOM_GIB)
    system.order("run-2", RUN_REQUEST)

    system.wait_until(lambda: len(system.ended()) == 2)

    assert set(system.ended().values()) == {f"/{before}"}
    refused = system.seen(old)
    assert refused is not None
    assert (refused.takes_work, refused.contracts) == (False, 1)
    assert system.log(0).count("found 1; upgrade this worker") == 1
    assert system.store.workers("executor") == 1


def test_a_newer_worker_waits_until_the_planner_is_upgraded(system: System) -> None:
    system.store.set_contracts(3)
    newer = system.start(4, ROOM_GIB)
    system.order("run-1", RUN_REQUEST)
    waiting = system.seen(newer)

    system.store.set_contracts(4)

    system.wait_until(lambda: system.ended() == {"run-1": f"/{newer}"})
    assert waiting is not None
    assert "it waits until the planner is upgraded" in waiting.trouble[0]


def test_a_worker_that_gets_too_old_while_it_runs_leaves_the_work_to_others(system: System) -> None:
    system.store.set_contracts(1)
    old = system.start(1, ROOM_GIB)
    system.order("run-1", RUN_REQUEST)
    system.wait_until(lambda: len(system.ended()) == 1)

    system.store.set_contracts(3)
    system.order("run-2", RUN_REQUEST)
    system.wait_until(lambda: "run-2 of" in system.log(0))
    new = system.start(3, ROOM_GIB)
    system.wait_until(lambda: len(system.ended()) == 2)

    assert system.ended() == {"run-1": f"/{old}", "run-2": f"/{new}"}


def test_runs_go_where_there_is_room_on_the_disk(system: System) -> None:
    full = system.start(1, NO_ROOM_GIB)
    roomy = system.start(1, ROOM_GIB)
    runs = [f"run-{number}" for number in range(1, 7)]
    for name in runs:
        system.order(name, RUN_REQUEST)

    system.wait_until(lambda: len(system.ended()) == len(runs))

    assert set(system.ended().values()) == {f"/{roomy}"}
    seen = system.seen(full)
    assert seen is not None
    assert "free some space" in seen.trouble[0]
    assert system.log(0).count("free some space: until then this worker takes") >= 1


def test_a_worker_without_room_still_removes_what_is_not_wanted_any_more(system: System) -> None:
    system.start(1, NO_ROOM_GIB)
    system.order("run-1", RUN_REQUEST)
    system.order("discard-1", DISCARD_REQUEST)

    system.wait_until(lambda: len(system.ended()) == 1)

    assert set(system.ended()) == {"discard-1"}
