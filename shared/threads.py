"""The threads of a Celery worker that looks for its next message as soon as one is answered."""

from functools import partial
from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous import get_event_loop


class Threads(TaskPool):  # type: ignore[misc]  # Celery's types are partial
    """Celery's threads, which also tell the worker's event loop when one of them is free.

    Without that, where no message is fetched ahead (``worker_disable_prefetch``), a worker would
    answer no more than one message a second: its loop sleeps as long while nothing else happens.
    """

    def on_apply(self, *args: Any, **kwargs: Any) -> ApplyResult:
        """Begin a message; see `celery.concurrency.base.BasePool.on_apply`."""
        applied = super().on_apply(*args, **kwargs)
        loop = get_event_loop()
        if loop is not None:
            # Whatever is called makes the loop go round, and then it fetches where it may.
            applied.f.add_done_callback(partial(loop.call_soon, _nothing))
        return applied


def _nothing(_: object) -> None:
    pass
