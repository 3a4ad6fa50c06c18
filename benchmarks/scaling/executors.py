"""Simulated executors, many in one process: each sleeps where a real one trains.

Simulated is the training alone. Every executor takes one message at a time from the real queue,
claims the work and renews its lease with progress by `shared.answering`, as the real one does, and
is present under a name of its own. What it lacks is a process of its own: hundreds of interpreters
would measure this machine's memory. So the executors of a process share a connection for messages,
and their Celery worker holds no more messages than it has executors.
"""

import argparse
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from celery import signals

from benchmarks.scaling.landscape import seconds, trained
from shared.answering import Lease, answer
from shared.contracts.base import JobId, WorkId
from shared.contracts.capabilities import Capabilities
from shared.contracts.discard import Discarded
from shared.contracts.run import Progress, RunRequest
from shared.contracts.work import Result
from shared.logs import start_logging
from shared.presence import Presence
from shared.queues import MESSAGES, make_app
from shared.settings import QueueSettings
from shared.store_redis import RedisStore, connect

MACHINE = Capabilities(
    device="simulated", devices=1, memory_gib=80.0, bf16=True, flash_attention=False, quantised=True
)


@dataclass(frozen=True, slots=True)
class Executor:
    """One of this process."""

    name: str
    presence: Presence


class Crew:
    """The executors of this process."""

    def __init__(self, count: int, mean_s: float, log: Path, settings: QueueSettings) -> None:
        self.stopping = threading.Event()
        self.store = RedisStore(connect(settings.url.get_secret_value()))
        self.executors = tuple(
            Executor(
                f"{socket.gethostname()}:{os.getpid()}:{number}",
                Presence("executor", self.store, settings, can=lambda: MACHINE, folder=log.parent),
            )
            for number in range(count)
        )
        self._mean_s = mean_s
        self._settings = settings
        self._log = log.open("a", buffering=1)
        self._resting: SimpleQueue[Executor] = SimpleQueue()
        for executor in self.executors:
            self._resting.put(executor)

    def on_message(self, job_id: str, work_id: str) -> None:
        """Let an executor that is at rest answer a doorbell."""
        executor = self._resting.get()
        try:
            answer(
                JobId(job_id),
                WorkId(work_id),
                store=self.store,
                perform=lambda lease: self._perform(executor, lease),
                heartbeat_s=self._settings.heartbeat_s,
                lease_s=self._settings.lease_s,
                handed_back=self.stopping,
            )
        finally:
            executor.presence.doing = None
            self._resting.put(executor)

    def stay_present(self) -> None:
        """Say every heartbeat that each executor is alive."""
        while not self.stopping.is_set():
            for executor in self.executors:
                said = executor.presence.look().model_copy(update={"name": executor.name})
                self.store.present(said, for_s=self._settings.gone_s)
            self.stopping.wait(self._settings.heartbeat_s)

    def _perform(self, executor: Executor, lease: Lease) -> Result:
        executor.presence.doing = lease
        request = lease.claim.request
        if not isinstance(request, RunRequest):
            return Discarded(bytes=0)
        began, due_s = time.time(), seconds(request, self._mean_s)
        note = {"worker": executor.name, "job": lease.claim.job_id, "work": lease.claim.work_id}
        self._note(note | {"began": began})
        self._train(lease, due_s)
        ended = time.time()
        self._note(note | {"began": began, "ended": ended})
        return trained(request, ended - began)

    def _train(self, lease: Lease, due_s: float) -> None:
        """Sleep, saying where the run stands as often as that is sent.

        Raises:
            GivenUp: the work was cancelled or taken away, or this process shall stop.
        """
        over_at = time.monotonic() + due_s
        while (left_s := over_at - time.monotonic()) > 0:
            step = int(600 * (1 - left_s / due_s))
            lease.say(Progress(phase="training", step=step, steps=600, eta_s=left_s))
            self.stopping.wait(min(left_s, self._settings.heartbeat_s))
            lease.check()

    def _note(self, fields: dict[str, object]) -> None:
        self._log.write(json.dumps(fields) + "\n")


def main() -> None:
    """Answer messages until SIGTERM."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, required=True, help="executors in this process")
    options.add_argument("--mean-s", type=float, required=True, help="seconds of a mean run")
    options.add_argument("--log", type=Path, required=True, help="where runs are noted")
    chosen = options.parse_args()
    settings = QueueSettings()
    crew = Crew(chosen.count, chosen.mean_s, chosen.log, settings)
    app = make_app("executor", settings.url.get_secret_value())
    for message in MESSAGES.values():
        if message.partition(".")[0] == "executor":
            app.task(name=message)(crew.on_message)

    def on_shutdown(**_: Any) -> None:
        crew.stopping.set()

    signals.worker_shutting_down.connect(on_shutdown)
    threading.Thread(target=crew.stay_present, daemon=True).start()
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--concurrency={chosen.count}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
            f"--hostname=executors-{os.getpid()}@%h",
        ]
    )


if __name__ == "__main__":
    start_logging("executors")
    main()
