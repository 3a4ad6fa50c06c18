"""Each service does its work in Redis as a user of its own, and can do little else there."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from shared.contracts.base import WorkId
from shared.contracts.counsel import Caps, Spend
from shared.contracts.events import WorkEnded
from shared.contracts.work import Request
from shared.notebook_redis import RedisNotebook
from shared.queues import make_app, ring
from shared.store_redis import RedisStore, connect
from tests.support.examples import (
    BRIEF_REQUEST,
    DISCARD_REQUEST,
    JOB,
    RUN_REQUEST,
    SCORE_REQUEST,
    SPEC,
)
from trex.processes import free_port, start, stop, wait_until
from trex.server import find_server

USERS = Path(__file__).parents[2] / "deploy" / "redis" / "users.sh"
PASSWORDS = {
    f"REDIS_{service.upper()}_PASSWORD": f"of-{service}"
    for service in ("planner", "researcher", "executor", "evaluator")
}
WORK: list[tuple[str, str, Request]] = [
    ("researcher", "brief", BRIEF_REQUEST),
    ("executor", "run-1", RUN_REQUEST),
    ("executor", "replicate-1.2", RUN_REQUEST),
    ("executor", "discard-1", DISCARD_REQUEST),
    ("evaluator", "score-0", SCORE_REQUEST),
    ("evaluator", "few-shot-0", SCORE_REQUEST),
]

UrlOf = Callable[[str], str]


@pytest.fixture(scope="module")
def url_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UrlOf]:
    """Of a user at a server whose users are those of the compose file, and one who may do all."""
    folder = tmp_path_factory.mktemp("redis")
    users, port = folder / "users.acl", free_port(None, name="Redis")
    listed = subprocess.check_output(["sh", USERS], text=True, env=os.environ | PASSWORDS)
    users.write_text(f"{listed}user admin on >of-admin ~* &* +@all\n")
    command = [str(find_server()), "--port", str(port), "--save", "", "--aclfile", str(users)]
    server = start(command, log=folder / "log")

    def url(user: str) -> str:
        return f"redis://{user}:of-{user}@127.0.0.1:{port}/0"

    def answers() -> bool:
        try:
            return bool(connect(url("health")).ping())
        except redis.ConnectionError:
            return False

    try:
        wait_until(answers, server, folder / "log", what="the server", for_s=10)
        yield url
    finally:
        stop([server])


@pytest.fixture
def admin(url_of: UrlOf) -> Iterator[redis.Redis]:
    with connect(url_of("admin")) as admin:
        admin.flushall()
        admin.acl_log_reset()
        yield admin


@pytest.fixture
def planner(url_of: UrlOf, admin: redis.Redis) -> RedisStore:
    store = RedisStore(connect(url_of("planner")))
    store.create(JOB, SPEC, idempotency_key=None)
    return store


@pytest.mark.slow
@pytest.mark.parametrize(("service", "work", "request_"), WORK, ids=[work for _, work, _ in WORK])
def test_a_service_is_asked_and_answers_and_is_refused_nothing(
    url_of: UrlOf,
    admin: redis.Redis,
    planner: RedisStore,
    service: str,
    work: str,
    request_: Request,
    tmp_path: Path,
) -> None:
    hold = planner.hold(JOB, "planner 1", lease_s=60)
    assert hold is not None
    planner.order(hold, WorkId(work), request_, why="to see it done")
    ring(make_app("planner", url_of("planner")), JOB, WorkId(work), request_)

    worker = start(
        [sys.executable, "-m", "tests.support.failing_worker", service],
        log=tmp_path / "log",
        environment={**os.environ, "TREX_QUEUE_URL": url_of(service)},
    )

    def ended() -> bool:
        found = planner.read(JOB)[-1].event
        return isinstance(found, WorkEnded) and found.work_id == work

    try:
        wait_until(ended, worker, tmp_path / "log", what="the answer", for_s=30)
        planner.wait({JOB: planner.read(JOB)[-1].id}, for_s=0.1)
        assert planner.workers(service) == 1
    finally:
        stop([worker])
    assert admin.acl_log() == []


def test_the_researcher_keeps_its_notebook(url_of: UrlOf, admin: redis.Redis) -> None:
    notebook = RedisNotebook(connect(url_of("researcher")))

    refused = notebook.reserve(JOB, "2026-11-26", Spend(tokens=9), job=Caps(), daily=Caps())
    notebook.settle(JOB, "2026-11-26", Spend(tokens=9), Spend(tokens=4))

    assert refused is None
    assert notebook.spent(JOB).tokens == 4
    assert notebook.lessons() == ()
    assert admin.acl_log() == []


LEDGER, WORKS = f"trex:{{{JOB}}}:ledger", f"trex:{{{JOB}}}:work"
FORBIDDEN = {
    "reading what a job was told and scored": ("XRANGE", LEDGER, "-", "+"),
    "following it": ("XREAD", "STREAMS", LEDGER, "0"),
    "removing it": ("DEL", LEDGER),
    "writing over it": ("SET", LEDGER, "mine"),
    "taking a job over": ("HSET", f"trex:{{{JOB}}}:planner", "fence", "9"),
    "claiming what the evaluator is to score": ("HGET", f"{WORKS}:score-1", "request"),
    "ringing for another service": ("LPUSH", "evaluator", "message"),
    "taking messages of another service": ("BRPOP", "evaluator", "1"),
    "reading what was not acknowledged there": ("HGETALL", "evaluator:unacked"),
    "reading what jobs have taught": ("HGETALL", "trex:{lessons}:banked"),
    "reading what a language model was asked": ("LRANGE", f"trex:{{{JOB}}}:calls:brief", "0", "-1"),
    "spending money": ("HINCRBY", "trex:{accounts}:job:j", "tokens", "-9"),
    "doing so in a script": ("EVAL", "return redis.call('XRANGE', KEYS[1], '-', '+')", "1", LEDGER),
    "looking around": ("KEYS", "*"),
    "forgetting everything": ("FLUSHALL",),
    "watching others": ("MONITOR",),
    "adding a user": ("ACL", "SETUSER", "me", "on"),
}


@pytest.mark.parametrize("command", FORBIDDEN.values(), ids=FORBIDDEN)
def test_an_executor_is_kept_from(
    url_of: UrlOf, planner: RedisStore, command: tuple[Any, ...]
) -> None:
    refused = pytest.raises(redis.ResponseError, match=r"NOPERM|permission")
    with connect(url_of("executor")) as client, refused:
        client.execute_command(*command)


def test_nobody_comes_in_without_a_name(url_of: UrlOf) -> None:
    url = url_of("health").replace("health:of-health@", "")
    with connect(url) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_password_that_is_missing_is_named() -> None:
    given = {**os.environ, **PASSWORDS, "REDIS_EXECUTOR_PASSWORD": ""}

    found = subprocess.run(["sh", USERS], capture_output=True, text=True, env=given, check=False)

    assert found.returncode == 2
    assert "user executor in REDIS_EXECUTOR_PASSWORD, found none" in found.stderr
