from typing import Any

import pytest
import redis

from shared.contracts.counsel import Caps, Spend
from shared.errors import StoreUnavailable
from shared.notebook import Notebook
from shared.notebook_redis import DAY_LIFETIME_S, RedisNotebook
from shared.store_redis import connect
from tests.suites.notebook import CALL, DAY, FREE, WORK, NotebookSuite
from tests.support.examples import JOB

MOST = Spend(tokens=100, money=0.1)


class TestRedisNotebook(NotebookSuite):
    @pytest.fixture
    def notebook(self, client: redis.Redis) -> Notebook:
        return RedisNotebook(client)


class Repeating(redis.Redis):
    """Sends every command twice, as redis-py does when the first answer was lost on its way."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def test_what_is_sent_twice_counts_once(client: redis.Redis, server_url: str) -> None:
    with Repeating.from_url(server_url, decode_responses=True) as repeating:
        notebook = RedisNotebook(repeating)

        answer = notebook.reserve(JOB, DAY, MOST, job=Caps(tokens=100), daily=FREE)
        reserved = notebook.spent(JOB)
        notebook.settle(JOB, DAY, MOST, Spend(tokens=40, money=0.05))
        notebook.keep(JOB, WORK, CALL)

        assert answer is None
        assert reserved == MOST
        assert notebook.spent(JOB) == notebook.spent_on(DAY) == Spend(tokens=40, money=0.05)
        assert notebook.calls(JOB, WORK) == (CALL,)


def test_a_day_is_forgotten_after_a_week_and_a_job_is_not(client: redis.Redis) -> None:
    notebook = RedisNotebook(client)
    notebook.reserve(JOB, DAY, MOST, job=FREE, daily=FREE)
    notebook.settle(JOB, DAY, MOST, MOST)
    notebook.keep(JOB, WORK, CALL)

    lifetimes = {str(key).split(":")[2]: client.ttl(key) for key in client.scan_iter("trex:*")}

    assert DAY_LIFETIME_S - 60 < lifetimes["day"] <= DAY_LIFETIME_S
    assert lifetimes["job"] == lifetimes["calls"] == -1


def test_a_notebook_without_a_server_says_so() -> None:
    notebook = RedisNotebook(connect("redis://127.0.0.1:1/0?socket_connect_timeout=0.05"))

    with pytest.raises(StoreUnavailable, match="Redis does not answer"):
        notebook.lessons()
    with pytest.raises(StoreUnavailable, match="Redis does not answer"):
        notebook.reserve(JOB, DAY, MOST, job=FREE, daily=FREE)
