"""Runs a service that answers messages: one Celery worker, one message at a time.

A thread pool of one, because a prefork child may not start processes of its own, and because the
main thread stays free to answer signals. Limits and cancelling are the lease's business.
"""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from celery import Celery, Task, signals
from kombu.exceptions import OperationalError

from shared.answering import Lease, answer
from shared.contracts.base import JobId, WorkId
from shared.contracts.capabilities import Capabilities
from shared.contracts.work import Result, Service
from shared.errors import StoreUnavailable, Unavailable
from shared.presence import Presence
from shared.queues import MESSAGES, make_app
from shared.settings import QueueSettings
from shared.store_redis import RedisStore, connect, reaching

logger = logging.getLogger(__name__)


Asked: TypeAlias = Callable[[], Capabilities | None]
"""Says at once what this machine can train; None as long as that is not known."""


def knock(settings: QueueSettings) -> None:
    """Return when Redis takes what a service writes; to be called before anything takes time.

    Raises:
        Rejected: its address is none.
        StoreUnavailable: it is away, or refuses this service.
    """
    RedisStore(connect(settings.url.get_secret_value())).ping()


def rehearse(app: Celery, service: Service) -> None:
    """Return when this service may take messages. Celery itself would answer with a traceback.

    Raises:
        StoreUnavailable: Redis is away, or its ACL knows nothing of the keys of a queue.
    """
    try:
        with reaching(), app.connection_for_write() as connection:
            app.amqp.queues[service].bind(connection.default_channel).declare()
            connection.default_channel.qos.restore_visible()
    except OperationalError as error:
        raise StoreUnavailable(f"Redis gives no messages: {error}") from error


def serve(
    service: Service,
    settings: QueueSettings,
    *,
    perform: Callable[[Lease], Result],
    can: Asked = lambda: None,
    folder: Path | None = None,
    adapters_only: bool = False,
) -> None:
    """Answer a service's messages until SIGTERM or Ctrl-C, then hand running work back.

    Args:
        service: whose messages.
        settings: of the queue.
        perform: does a piece of work.
        can: says what this machine can train.
        folder: where the work writes; without room there, only what frees some is done.
        adapters_only: whether it scores no model whose weights were all trained.

    Raises:
        StoreUnavailable: as `rehearse`.
        Unavailable: no more messages can be taken.
    """
    url = settings.url.get_secret_value()
    store = RedisStore(connect(url))
    app = make_app(service, url)
    rehearse(app, service)
    stopping = threading.Event()
    presence = Presence(
        service, store, settings, can=can, folder=folder, adapters_only=adapters_only
    )

    def perform_and_say(lease: Lease) -> Result:
        presence.doing = lease
        try:
            return perform(lease)
        finally:
            presence.doing = None

    def on_message(message: Task, job_id: str, work_id: str) -> None:
        kind = message.name.partition(".")[2]
        answer(
            JobId(job_id),
            WorkId(work_id),
            store=store,
            perform=perform_and_say,
            heartbeat_s=settings.heartbeat_s,
            lease_s=settings.lease_s,
            handed_back=stopping,
            refusal=partial(presence.refusal, kind),
            carrier=message.request.headers or {},
        )

    for message in MESSAGES.values():
        if message.partition(".")[0] == service:
            app.task(name=message, bind=True)(on_message)

    def on_shutdown(**_: Any) -> None:
        stopping.set()

    def on_setup_logging(**_: Any) -> None:
        """Keep `shared.logs`: being here is what stops Celery from setting levels of its own."""

    signals.worker_shutting_down.connect(on_shutdown)
    signals.setup_logging.connect(on_setup_logging)
    presence.wait_to_be_wanted()
    threading.Thread(target=presence.keep, args=(stopping,), daemon=True).start()
    logger.info("ready")
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--concurrency=1",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
            f"--hostname={service}-{os.getpid()}@%h",
        ]
    )
    if not stopping.is_set():
        raise Unavailable(
            "wanted to go on taking messages, found Celery ended by an error, which its last line "
            "in this log names; start this worker again"
        )
