"""What telemetry costs planner and worker: CPU time with it off and on, sending what is told.

``python -m benchmarks.telemetry [--jobs 20]`` plans and answers whole jobs on a store in memory.
"""

import argparse
import logging
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from shared.answering import Lease, answer
from shared.contracts.base import WorkId
from shared.contracts.work import Result
from shared.telemetry.process import ENDPOINT, observed
from shared.telemetry.spans import carried
from shared.telemetry.telling import working
from tests.support.examples import JOB
from tests.support.otlp import Collector
from tests.support.planning import Bench, good_news, with_budget

EXPERIMENTS = 30


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20, help="whole jobs of each (default: 20)")
    jobs = parser.parse_args().jobs
    logging.disable(logging.INFO)
    with _collector() as url:
        os.environ[ENDPOINT] = url
        _times(2)  # nobody counts what is imported and compiled first
        off, on = [], []
        for _ in range(jobs):
            off.append(_times(1))
        with observed("planner"):
            for _ in range(jobs):
                on.append(_times(1))
    print("| | off | on | ratio |")
    print("|---|---|---|---|")
    for name, place in (("planner: one step", 0), ("worker: one piece of work", 1)):
        medians = [statistics.median(one[place] for one in times) for times in (off, on)]
        shown = " | ".join(f"{1e6 * median:.0f} µs" for median in medians)
        print(f"| {name} | {shown} | {medians[1] / medians[0]:.2f} |")


@contextmanager
def _collector() -> Iterator[str]:
    """Give the address of a collector in a process of its own, whose work is not counted."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_collect, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        print(f"\n{ours.recv()} spans arrived")
        process.join()


def _collect(told: Connection) -> None:
    with Collector() as collector:
        told.send(collector.url)
        told.recv()
        told.send(len(collector.spans))


def _times(jobs: int) -> tuple[float, float]:
    """Return CPU seconds of a step and of an answer, on average."""
    steps, stepping_s, answers, answering_s = 0, 0.0, 0, 0.0
    for _ in range(jobs):
        bench = Bench(with_budget(experiments=EXPERIMENTS))
        carriers: list[dict[str, str]] = []

        def ring(_: object, work_id: WorkId, __: object, *, bench: Bench = bench) -> None:
            bench.rung.append(work_id)
            carriers.append(carried())  # noqa: B023 - of this very job

        bench.loop.ring = ring
        while True:
            began = time.process_time()
            bench.loop.step(JOB)
            stepping_s += time.process_time() - began
            steps += 1
            if not bench.rung:
                break
            began = time.process_time()
            _answer(bench, bench.rung.pop(0), carriers.pop(0))
            answering_s += time.process_time() - began
            answers += 1
    return stepping_s / steps, answering_s / answers


def _answer(bench: Bench, work_id: WorkId, carrier: dict[str, str]) -> None:
    def perform(lease: Lease) -> Result:
        with working(lease.claim.request):
            return good_news(lease.claim.request)

    answer(
        JOB,
        work_id,
        store=bench.store,
        perform=perform,
        heartbeat_s=60,
        lease_s=60,
        handed_back=threading.Event(),
        carrier=carrier,
    )


if __name__ == "__main__":
    main()
