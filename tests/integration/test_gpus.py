"""Executors of one host with one GPU, each a real service."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from services.executor.launchers.accelerate import AccelerateLauncher
from shared.healthy import health
from shared.store_redis import RedisStore
from tests.suites.launcher import Ask, end_soon, wait_for
from tests.support.gpus import FIRST, make_nvidia_smi

pytestmark = pytest.mark.slow

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, server_url: str) -> Iterator[Start]:
    environment = {k: v for k, v in os.environ.items() if "VISIBLE" not in k} | {
        "PATH": f"{make_nvidia_smi(tmp_path / 'bin', FIRST)}:{os.environ['PATH']}",
        "TREX_ARTIFACTS_FOLDER": str(tmp_path / "artifacts"),
        "TREX_LAUNCHER_GPU_LOCKS": str(tmp_path / "gpus"),
        "TREX_QUEUE_HEARTBEAT_S": "0.5",
        "TREX_QUEUE_URL": server_url,
    }
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        executor = subprocess.Popen(
            [sys.executable, "-m", "services.executor"],
            env=environment | {"TREX_QUEUE_HEALTH": str(tmp_path / f"health-{len(started)}")},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(executor)
        return executor

    yield start
    for executor in started:  # each with its fork server, which may still be importing
        os.killpg(executor.pid, signal.SIGKILL)
        executor.communicate()


def says(executor: "subprocess.Popen[str]", word: str) -> str:
    """Return the next line with a word."""
    assert executor.stderr is not None
    return next(line for line in executor.stderr if word in line)


def visible_to(process: str) -> str:
    variables = Path(f"/proc/{process}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in variables if pair)["CUDA_VISIBLE_DEVICES"]


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_an_executor_without_a_gpu_is_well_and_no_worker_until_another_one_dies(
    start: Start, client: redis.Redis, tmp_path: Path
) -> None:
    store = RedisStore(client)
    first = start()
    says(first, f"trains on {FIRST}")
    says(first, "ready")
    second = start()
    says(second, "waiting for 1 of 1 GPUs")
    well, sentence = health(tmp_path / "health-1")
    assert well
    assert sentence.startswith("waiting for 1 of 1 GPUs to be free")
    deadline = time.monotonic() + 60
    while not store.workers("executor"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert store.workers("executor") == 1
    assert {visible_to(child) for child in children_of(first.pid)} == {FIRST}

    first.kill()

    assert f"trains on {FIRST}" in says(second, "trains on")
    says(second, "ready")


def is_free(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_training_process_keeps_the_gpu_of_its_executor(
    ask: Ask, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / f"{FIRST}.lock"
    monkeypatch.setenv("TREX_HELD_GPUS", str(lock))
    launcher = AccelerateLauncher(processes=1, grace_s=5, heartbeat_s=1)

    with launcher.start(ask(10_000), folder, tmp_path / "data") as training:
        wait_for(training, "training")
        assert not is_free(lock)
        training.save_and_leave(60)
        assert end_soon(folder)

    assert is_free(lock)
