"""A worker's threads and its event loop, which is Celery's own."""

from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from celery.concurrency import get_implementation
from kombu.asynchronous import Hub, set_event_loop

from shared.queues import make_app
from shared.threads import Threads

WAIT_S = 30.0


class CalledHub(Hub):
    """An event loop that remembers what it was asked to call."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: SimpleQueue[Callable[..., Any]] = SimpleQueue()

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self.calls.put(partial(callback, *args))


@pytest.fixture
def hub() -> Iterator[CalledHub]:
    hub = CalledHub()
    set_event_loop(hub)
    yield hub
    set_event_loop(None)
    hub.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(limit=1)
    yield threads
    threads.on_stop()


def test_the_event_loop_is_called_once_a_message_is_answered(
    hub: CalledHub, threads: Threads
) -> None:
    answering = Event()

    applied = threads.on_apply(answering.wait, (WAIT_S,), {}, callback=lambda _: None)
    called_before = not hub.calls.empty()
    answering.set()
    applied.wait(WAIT_S)

    assert not called_before
    assert hub.calls.get(timeout=WAIT_S)() is None


def test_an_answer_that_is_a_bug_calls_the_event_loop_as_well(
    hub: CalledHub, threads: Threads
) -> None:
    threads.on_apply(lambda: 1 / 0, (), {}, callback=lambda _: None)

    assert hub.calls.get(timeout=WAIT_S)() is None


def test_every_service_answers_in_such_threads() -> None:
    app = make_app("executor", "redis://localhost")

    assert get_implementation(app.conf.worker_pool) is Threads
