import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.answering import Lease
from shared.contracts.base import CONTRACTS, WorkId
from shared.contracts.worker import Doing, Worker
from shared.errors import StoreUnavailable
from shared.healthy import health
from shared.presence import Presence
from shared.settings import QueueSettings
from shared.store_memory import MemoryStore
from tests.support.examples import BRIEF_REQUEST, CPU, JOB, PROGRESS, SPEC

NOON = 1_000_000.0
WORK = WorkId("brief")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOON)


@pytest.fixture
def health_file(tmp_path: Path) -> Path:
    return tmp_path / "healthy"


@pytest.fixture
def presence(store: MemoryStore, health_file: Path) -> Callable[..., Presence]:
    def presence(**fields: Any) -> Presence:
        usual = {"can": lambda: CPU, "folder": None, "clock": lambda: NOON}
        settings = QueueSettings(health=health_file)
        return Presence("executor", store, settings, **usual | fields)

    return presence


@pytest.fixture
def lease(store: MemoryStore) -> Lease:
    store.create(JOB, SPEC, idempotency_key=None)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
    claim = store.claim(JOB, WORK, lease_s=60)
    assert claim is not None
    return Lease(store, claim, heartbeat_s=60, lease_s=60, handed_back=threading.Event())


def seen(store: MemoryStore) -> Worker:
    [worker] = store.living()
    return worker


def test_a_worker_says_who_it_is_and_that_it_takes_work(
    store: MemoryStore, presence: Callable[..., Presence]
) -> None:
    presence().say()

    worker = seen(store)
    assert (worker.service, worker.contracts, worker.can) == ("executor", CONTRACTS, CPU)
    assert worker.name.startswith(f"{worker.host}:")
    assert (worker.since, worker.clock_ahead_s, worker.doing) == (NOON, 0.0, None)
    assert (worker.takes_work, worker.trouble) == (True, ())
    assert not worker.adapters_only


def test_a_worker_says_when_it_scores_adapters_alone(
    store: MemoryStore, presence: Callable[..., Presence]
) -> None:
    presence(adapters_only=True).say()

    assert seen(store).adapters_only


def test_a_worker_says_what_it_is_at_and_how_far(
    store: MemoryStore, presence: Callable[..., Presence], lease: Lease
) -> None:
    lease.say(PROGRESS)
    one = presence()
    one.doing = lease

    one.say()

    assert seen(store).doing == Doing(job_id=JOB, work_id=WORK, progress=PROGRESS)


def test_a_clock_wrong_by_an_hour_is_said_once_in_the_log_and_changes_nothing(
    store: MemoryStore, presence: Callable[..., Presence], caplog: pytest.LogCaptureFixture
) -> None:
    one = presence(clock=lambda: NOON - 3600)

    one.say()
    one.say()

    [sentence] = seen(store).trouble
    assert "3,600 s behind it" in sentence
    assert seen(store).clock_ahead_s == -3600
    assert (seen(store).since, seen(store).takes_work, one.refusal("run")) == (NOON, True, None)
    assert [record.message for record in caplog.records] == [sentence]


def test_what_is_over_is_said_too(
    presence: Callable[..., Presence], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ahead = [3600.0]
    one = presence(clock=lambda: NOON + ahead[0])

    one.say()
    ahead[0] = 0.0
    one.say()

    assert caplog.records[-1].message == "all is well again"


def test_a_worker_without_room_takes_nothing_but_what_frees_some(
    store: MemoryStore, presence: Callable[..., Presence], tmp_path: Path
) -> None:
    full = presence(folder=tmp_path / "gone")

    full.say()

    assert (seen(store).takes_work, seen(store).free_gib) == (False, 0.0)
    assert "found 0.00" in (full.refusal("run") or "")
    assert full.refusal("discard") is None


def test_a_worker_with_room_takes_all(
    store: MemoryStore, presence: Callable[..., Presence], tmp_path: Path
) -> None:
    roomy = presence(folder=tmp_path)

    roomy.say()

    assert (seen(store).takes_work, roomy.refusal("run")) == (True, None)


@pytest.mark.parametrize("planners", [CONTRACTS + 2, CONTRACTS - 1])
def test_a_worker_of_another_version_is_seen_and_takes_no_work(
    store: MemoryStore, presence: Callable[..., Presence], lease: Lease, planners: int
) -> None:
    store.set_contracts(planners)
    other = presence()
    other.doing = lease

    other.say()

    assert (seen(store).takes_work, seen(store).can, seen(store).doing) == (False, None, None)
    assert other.refusal("discard") in seen(store).trouble


def test_a_worker_is_healthy_while_the_store_answers(
    presence: Callable[..., Presence], health_file: Path
) -> None:
    before = health(health_file)

    presence().say()

    assert before[0] is False
    assert health(health_file) == (True, "alive")


def test_a_worker_that_cannot_reach_the_store_is_not_healthy_and_says_why(
    store: MemoryStore,
    presence: Callable[..., Presence],
    health_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> float:
        raise StoreUnavailable("Redis does not answer")

    one = presence()
    one.say()
    monkeypatch.setattr(store, "now", away)

    one.say()

    assert health(health_file) == (False, "Redis does not answer")


def test_work_that_must_stop_and_does_not_is_not_healthy_after_a_while(
    presence: Callable[..., Presence],
    lease: Lease,
    health_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = presence()
    one.doing = lease
    lease.cancelled = True

    one.say()
    at_once = health(health_file)
    monkeypatch.setattr("shared.presence.STUCK_S", -1.0)
    one.say()

    assert at_once == (True, "alive")
    assert health(health_file)[0] is False
    assert "brief was told to stop" in health(health_file)[1]
