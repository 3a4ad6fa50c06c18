"""Builds every Celery app, so that all services agree on delivery.

A message is a doorbell: it names a piece of work and carries nothing else.
"""

from celery import Celery
from kombu.exceptions import OperationalError

from shared.contracts.base import JobId, WorkId
from shared.contracts.work import SERVICES, Request
from shared.errors import StoreUnavailable
from shared.store_redis import reaching
from shared.telemetry.spans import carried

MESSAGES = {kind: f"{service}.{kind}" for kind, service in SERVICES.items()}
"""Kind of request to the message that rings for it. Its first word names the service's queue."""


def make_app(service: str, redis_url: str) -> Celery:
    """Return the Celery app of one service, answering the queue of the same name."""
    app = Celery(service, broker=redis_url)
    app.conf.update(
        accept_content=["json"],
        task_default_queue=service,
        task_acks_late=False,  # the lease guards work; Redis redelivers what stays unacknowledged
        worker_disable_prefetch=True,  # a message behind a busy worker stays free for another
        worker_prefetch_multiplier=1,
        worker_pool="shared.threads:Threads",
        task_ignore_result=True,  # how work ended stands in its record
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # cancelling goes through the record; saves connections
        broker_transport_options={
            "socket_timeout": 10,  # else publishing never times out
            # Each service has these to itself, so that Redis can keep others from them.
            "unacked_key": f"{service}:unacked",
            "unacked_index_key": f"{service}:unacked_index",
            "unacked_mutex_key": f"{service}:unacked_mutex",
            "health_check_interval": 10,  # how soon a host that was cut off hears again
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a host may be cut off for a night
    )
    return app


def ring(app: Celery, job_id: JobId, work_id: WorkId, request: Request) -> None:
    """Send the doorbell for a piece of work. Ringing twice does no harm: the claim is refused.

    Its headers say where the present story goes on.

    Raises:
        StoreUnavailable: the broker is away; the reaper rings again later.
    """
    name = MESSAGES[request.kind]
    try:
        with reaching():
            queue = name.partition(".")[0]
            app.send_task(name, args=[job_id, work_id], queue=queue, headers=carried())
    except OperationalError as error:
        raise StoreUnavailable(f"Redis takes no messages: {error}") from error
