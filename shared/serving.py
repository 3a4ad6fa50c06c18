"""Runs a service that answers messages: one Celery worker, one message at a time.

A thread pool of one, because a prefork child may not start processes of its own, and because the
main thread stays free to answer signals. Limits and cancelling are the lease's business.
"""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, TypeAlias

from celery import signals

from shared.answering import Lease, answer
from shared.contracts.base import JobId, WorkId
from shared.contracts.capabilities import Capabilities
from shared.contracts.work import SERVICES, Result, Service
from shared.presence import Presence
from shared.queues import MESSAGES, make_app
from shared.settings import QueueSettings
from shared.store_redis import RedisStore, connect

logger = logging.getLogger(__name__)


Asked: TypeAlias = Callable[[], Capabilities | None]
"""Says at once what this machine can train; None as long as that is not known."""


def serve(
    service: Service,
    settings: QueueSettings,
    *,
    perform: Callable[[Lease], Result],
    can: Asked = lambda: None,
    folder: Path | None = None,
) -> None:
    """Answer a service's messages until SIGTERM or Ctrl-C, then hand running work back.

    Args:
        service: whose messages.
        settings: of the queue.
        perform: does a piece of work.
        can: says what this machine can train.
        folder: where the work writes; without room there, only what frees some is done.

    Raises:
        StoreUnavailable: Redis is away or refuses this worker when it starts.
    """
    url = settings.url.get_secret_value()
    store = RedisStore(connect(url))
    store.ping()
    app = make_app(service, url)
    stopping = threading.Event()
    presence = Presence(service, store, settings, can=can, folder=folder)

    def perform_and_say(lease: Lease) -> Result:
        presence.doing = lease
        try:
            return perform(lease)
        finally:
            presence.doing = None

    def on_message(job_id: str, work_id: str, *, kind: str) -> None:
        answer(
            JobId(job_id),
            WorkId(work_id),
            store=store,
            perform=perform_and_say,
            heartbeat_s=settings.heartbeat_s,
            lease_s=settings.lease_s,
            handed_back=stopping,
            refusal=partial(presence.refusal, kind),
        )

    for kind, asked in SERVICES.items():
        if asked == service:
            bell = partial(on_message, kind=kind)
            app.task(name=MESSAGES[kind])(update_wrapper(bell, on_message))

    def on_shutdown(**_: Any) -> None:
        stopping.set()

    signals.worker_shutting_down.connect(on_shutdown)
    presence.wait_to_be_wanted()
    threading.Thread(target=presence.keep, args=(stopping,), daemon=True).start()
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
