"""Runs a service that answers messages: one Celery worker, one message at a time.

A thread pool of one, because a prefork child may not start processes of its own, and because the
main thread stays free to answer signals. Limits and cancelling are the lease's business.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from celery import signals

from shared.answering import Lease, answer
from shared.contracts.base import JobId, WorkId
from shared.contracts.capabilities import Capabilities
from shared.contracts.work import Result
from shared.errors import StoreUnavailable
from shared.queues import MESSAGES, make_app
from shared.settings import QueueSettings
from shared.store_redis import RedisStore, connect

logger = logging.getLogger(__name__)


Asked: TypeAlias = Callable[[], Capabilities | None]
"""Says at once what this machine can train; None as long as that is not known."""


def serve(
    service: str,
    settings: QueueSettings,
    *,
    perform: Callable[[Lease], Result],
    can: Asked = lambda: None,
) -> None:
    """Answer a service's messages until SIGTERM or Ctrl-C, then hand running work back."""
    url = settings.url.get_secret_value()
    store = RedisStore(connect(url))
    app = make_app(service, url)
    stopping = threading.Event()

    def on_message(job_id: str, work_id: str) -> None:
        answer(
            JobId(job_id),
            WorkId(work_id),
            store=store,
            perform=perform,
            heartbeat_s=settings.heartbeat_s,
            lease_s=settings.lease_s,
            handed_back=stopping,
        )

    for message in MESSAGES.values():
        if message.partition(".")[0] == service:
            app.task(name=message)(on_message)

    def on_shutdown(**_: Any) -> None:
        stopping.set()

    signals.worker_shutting_down.connect(on_shutdown)
    threading.Thread(
        target=_stay_present, args=(service, store, settings, can, stopping), daemon=True
    ).start()
    logger.info("ready")
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=threads",
            "--concurrency=1",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
            f"--hostname={service}-{os.getpid()}@%h",
        ]
    )


def _stay_present(
    service: str,
    store: RedisStore,
    settings: QueueSettings,
    can: Asked,
    stopping: threading.Event,
) -> None:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    while not stopping.is_set():
        try:
            store.present(service, worker, for_s=3 * settings.heartbeat_s, can=can())
        except StoreUnavailable as error:
            logger.warning("cannot say that this worker is alive: %s", error)
        stopping.wait(settings.heartbeat_s)
