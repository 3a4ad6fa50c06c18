import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from services.planner.loop import PlanningLoop
from shared.contracts.base import CONTRACTS
from shared.contracts.system_views import QueueView, WorkersView
from shared.contracts.views import (
    JobView,
)
from shared.contracts.worker import Worker
from tests.support.examples import CPU, JOB, SPEC, WORKER, worker
from tests.unit.trex.canned_system import job
from tests.unit.trex.real_api import RealApi, real_api
from trex.top import Sight
from trex.top_page import top_page

QUEUES = (QueueView(service="executor", queued=12, leased=3, oldest_s=754.0),)
REFUSED = worker(
    "executor", "gpu-2:9", contracts=CONTRACTS + 1, takes_work=False, trouble=("upgrade",)
)


@pytest.fixture
def api() -> Iterator[RealApi]:
    with real_api() as api:
        yield api


def page(
    *workers: Worker,
    queues: tuple[QueueView, ...] = (),
    jobs: tuple[JobView, ...] = (),
    width: int = 120,
) -> str:
    view = WorkersView(at=8500.0, contracts=CONTRACTS, workers=workers)
    console = Console(file=io.StringIO(), width=width)
    console.print(top_page(view, queues, jobs, width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_worker_is_a_line_with_what_it_does_and_since_when() -> None:
    line = page(WORKER).splitlines()[2]

    assert " ".join(line.split()) == (
        "executor gpu-1:7 cpu run-1 of j-0a1b2c3d: training 3/10, loss 1.500, 900 tokens/s, "
        "4 s left 2:05 h"
    )


def test_an_idle_worker_a_full_one_and_a_refused_one_look_different() -> None:
    full = worker("executor", "gpu-3:9", can=CPU, takes_work=False, trouble=("no room",))

    shown = page(worker("evaluator", "node:1"), full, REFUSED)

    assert [line.split()[-3:-2] for line in shown.splitlines() if "node:1" in line] == [["idle"]]
    assert "takes no work" in shown
    assert "refused" in shown
    assert "executor gpu-3:9: no room" in shown


def test_trouble_is_said_in_full_however_narrow_the_terminal() -> None:
    narrow = page(WORKER, width=40)

    assert "found it 3,600 s ahead" in " ".join(narrow.split())
    assert max(map(len, narrow.splitlines())) <= 40


def test_a_queue_is_a_line_with_how_long_the_oldest_has_waited() -> None:
    shown = page(queues=QUEUES).split()

    assert " ".join(shown).endswith("leased oldest waits executor 12 3 12:34 min jobs none yet")


def test_a_job_is_a_line_with_its_best_and_what_it_used_and_a_sentence() -> None:
    spent = job().spent.model_copy(update={"money": 1.25})

    shown = page(jobs=(job("searching", sentence="training #3", spent=spent),))

    assert "j-1  searching  best 0.912 ± 0.020  base 0.204 ± 0.020  3/4 runs" in shown
    assert "1:01 min of training  money 1.25" in shown
    assert "training #3" in shown


def test_of_jobs_that_are_over_the_latest_are_shown() -> None:
    over = tuple(job("finished", job_id=f"j-{n}", submitted_at=float(n)) for n in range(9))
    going_on = job("searching", job_id="j-old", submitted_at=-1.0)

    shown = page(jobs=(going_on, *over))

    assert [name for n in range(9) if (name := f"j-{n}") in shown] == ["j-6", "j-7", "j-8"]
    assert shown.index("j-old") < shown.index("j-8") < shown.index("j-7")


def test_what_a_worker_says_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in page(worker("executor", "x\x1b[2J", trouble=("\x1b[31mboo",)))


def test_a_system_without_anybody_says_so() -> None:
    shown = page()

    assert "none is alive" in shown
    assert "none yet" in shown


def test_once_it_prints_what_the_planner_knows(api: RealApi) -> None:
    api.store.present(WORKER, for_s=60)
    api.store.create(JOB, SPEC, idempotency_key=None)
    PlanningLoop(api.store, lambda job, work, request: None, "planner").step(JOB)

    done = api.trex("top", "--once")

    assert done.exit_code == 0
    assert "run-1 of j-0a1b2c3d" in done.stdout
    assert "researcher 1 0" in " ".join(done.stdout.split())
    assert "searching" in done.stdout


def test_as_json_it_is_one_value(api: RealApi) -> None:
    api.store.present(WORKER, for_s=60)

    sight = Sight.model_validate_json(api.trex("top", "--json").stdout)

    assert sight.workers.workers == (WORKER,)
    assert {queue.service for queue in sight.queues} == {"researcher", "executor", "evaluator"}


def test_without_a_system_it_says_so_and_leaves() -> None:
    done = RealApi(url="http://127.0.0.1:1").trex("top", "--once")

    assert done.exit_code == 75
    assert "nothing answers at http://127.0.0.1:1" in done.stderr


class Terminal:
    """`trex top` on a terminal of its own."""

    def __init__(self, url: str) -> None:
        self.screen, inner = pty.openpty()
        environment = {**os.environ, "TREX_URL": url, "TERM": "xterm", "COLUMNS": "100"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trex", "top"],
            env=environment,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.seen = ""

    def wait_for(self, words: str) -> None:
        until = time.monotonic() + 30
        while words not in self.seen:
            assert time.monotonic() < until, self.seen
            self.seen += os.read(self.screen, 65536).decode(errors="replace")

    def press(self, key: str) -> None:
        os.write(self.screen, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.screen)


@contextmanager
def terminal(url: str) -> Iterator[Terminal]:
    terminal = Terminal(url)
    try:
        yield terminal
    finally:
        terminal.close()


def test_on_a_terminal_it_follows_until_q(api: RealApi) -> None:
    api.store.present(worker("executor", "gpu-1:7"), for_s=600)
    with terminal(api.url) as shown:
        shown.wait_for("gpu-1:7")
        api.store.present(worker("executor", "gpu-2:9"), for_s=600)
        shown.wait_for("gpu-2:9")

        shown.press("q")

        assert shown.process.wait(timeout=20) == 0


def test_while_the_system_is_away_it_says_so_and_tries_again() -> None:
    with real_api() as api:
        port = int(api.url.rpartition(":")[2])
        shown = Terminal(api.url)
        shown.wait_for("none is alive")
    try:
        shown.wait_for("disconnected: nothing answers at")
        with real_api(port) as back:
            back.store.present(worker("executor", "gpu-1:7"), for_s=600)
            shown.wait_for("gpu-1:7")
    finally:
        shown.close()
