import pytest

from shared.contracts.base import WorkId
from shared.contracts.work import Request
from shared.errors import StoreUnavailable
from shared.queues import MESSAGES, make_app, ring
from tests.support.examples import BRIEF_REQUEST, EVENTS, JOB


def test_a_broker_that_is_away_is_something_to_wait_for() -> None:
    app = make_app("planner", "redis://127.0.0.1:1/0")

    with pytest.raises(StoreUnavailable, match="Redis takes no messages"):
        ring(app, JOB, WorkId("brief"), BRIEF_REQUEST)


def test_every_kind_of_request_has_a_message() -> None:
    requests: list[Request] = [e.request for e in EVENTS if e.kind == "work_ordered"]

    assert {request.kind for request in requests} == set(MESSAGES)


def test_no_message_is_held_while_its_work_is_done() -> None:
    conf = make_app("executor", "redis://127.0.0.1:1/0").conf

    assert conf.task_acks_late is False
    assert conf.worker_disable_prefetch is True
    assert conf.accept_content == ["json"]
