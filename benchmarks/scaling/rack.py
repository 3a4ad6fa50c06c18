"""A whole system with simulated executors: real server, planner and researcher, and jobs to do."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from shared.contracts.base import JobId
from shared.contracts.job import (
    Baselines,
    Budget,
    JobData,
    JobSpec,
    Limits,
    MetricName,
    Search,
)
from shared.contracts.mapping import Templates
from shared.errors import Unavailable
from shared.store_redis import RedisStore, connect
from trex.client import Address, TrexClient
from trex.dates import write_dates
from trex.processes import free_port, start, stop
from trex.server import serving

CREW = 32
"""Executors that share a process at most."""

READY_S = 120.0

ENDLESS = 100_000
"""Experiments of a budget that no window uses up."""


@dataclass(frozen=True, slots=True)
class Rack:
    """A running system."""

    processes: dict[str, list[psutil.Process]]
    """By what they are; simulated ones are those of executors and evaluator."""
    store: RedisStore
    jobs: tuple[JobId, ...]
    notes: tuple[Path, ...]
    """Where the executors write down their runs."""


@contextmanager
def running(folder: Path, *, workers: int, mean_s: float, jobs: int) -> Iterator[Rack]:
    """Run a system with so many executors and jobs of equal weight while the block runs.

    Raises:
        Unavailable: it did not come up.
    """
    with ExitStack() as stack:
        port, redis_port = (free_port(None, name=name) for name in ("the API", "the server"))
        url = stack.enter_context(
            serving(
                folder / "redis",
                port=redis_port,
                password=secrets.token_urlsafe(24),
                log=folder / "server.log",
            )
        )
        address = Address(f"http://127.0.0.1:{port}", secrets.token_urlsafe(24))
        environment = _environment(url, address, port)
        notes = tuple(folder / f"runs-{first}.jsonl" for first in range(0, workers, CREW))
        commands = _commands(notes, workers, mean_s)
        started = {
            name: start(command, log=folder / f"{name}.log", environment=environment)
            for name, command in commands.items()
        }
        stack.callback(lambda: stop(list(reversed(started.values()))))
        _wait_until_ready(address, workers, started)
        client = stack.enter_context(TrexClient(address))
        ids = tuple(client.submit(spec).job_id for spec in _specs(folder, jobs))
        redis = stack.enter_context(connect(url))
        server = psutil.Process(int(redis.info("server")["process_id"]))
        yield Rack(_grouped(started, server), RedisStore(redis), ids, notes)


def _commands(notes: tuple[Path, ...], workers: int, mean_s: float) -> dict[str, list[str]]:
    commands = {
        "planner": ["-m", "services.planner"],
        "researcher": ["-m", "services.researcher"],
        "evaluator": ["-m", "benchmarks.scaling.evaluator"],
    }
    for number, log in enumerate(notes):
        count = min(CREW, workers - number * CREW)
        said = ["--count", str(count), "--mean-s", str(mean_s), "--log", str(log)]
        commands[f"executors-{number}"] = ["-m", "benchmarks.scaling.executors", *said]
    return {name: [sys.executable, *command] for name, command in commands.items()}


def _environment(url: str, address: Address, port: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TREX_")}
    return {
        **inherited,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TREX_QUEUE_URL": url,
        "TREX_PLANNER_PORT": str(port),
        "TREX_PLANNER_TOKEN": address.token,
    }


def _wait_until_ready(
    address: Address, workers: int, started: dict[str, subprocess.Popen[bytes]]
) -> None:
    wanted = {"researcher": 1, "evaluator": 1, "executor": workers}
    deadline = time.monotonic() + READY_S
    while not _ready(address, wanted):
        dead = [name for name, process in started.items() if process.poll() is not None]
        if dead or time.monotonic() > deadline:
            raise Unavailable(
                f"wanted a system with {workers} executors within {READY_S:.0f} s, found "
                f"{', '.join(dead) or 'none'} dead; see the logs beside its data"
            )
        time.sleep(0.2)


def _ready(address: Address, wanted: dict[str, int]) -> bool:
    try:
        answer = httpx.get(f"{address.url}/health/ready", timeout=5.0)
    except httpx.TransportError:
        return False
    return answer.is_success and all(answer.json()[name] >= n for name, n in wanted.items())


def _specs(folder: Path, jobs: int) -> Iterator[JobSpec]:
    write_dates(folder, seed=0, train=2000, dev=300, test=1)
    for seed in range(jobs):
        yield JobSpec(
            goal="Write dates in nine languages as ISO 8601",
            base_model="nano-2M",
            data=JobData(
                train=str(folder / "train.jsonl"),
                dev=f"sealed:{'d' * 64}",
                mapping=Templates(prompt="{text}", completion="{iso}"),
            ),
            metric=MetricName.EXACT_MATCH,
            baselines=Baselines(shots=0),
            guards=(),
            budget=Budget(experiments=ENDLESS),
            limits=Limits(max_length=64, max_new_tokens=16),
            search=Search(smallest_gain=0, replicates=0),
            seed=seed,
        )


def _grouped(
    started: dict[str, subprocess.Popen[bytes]], server: psutil.Process
) -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = {"redis": [server]}
    for name, process in started.items():
        who = name if name in ("planner", "researcher") else "simulated"
        found.setdefault(who, []).append(psutil.Process(process.pid))
    return found
