import threading
import time

import pytest

from shared.answering import GivenUp, Lease, answer
from shared.contracts.base import WorkId
from shared.contracts.events import WorkEnded
from shared.contracts.run import Failed
from shared.contracts.work import Result
from shared.errors import DataFailed, StoreUnavailable
from shared.store import Claim
from shared.store_memory import MemoryStore
from tests.support.examples import BRIEF, BRIEF_REQUEST, JOB, PROGRESS, SPEC

WORK = WorkId("brief")
SOON_S = 0.01


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
    return store


class Worker:
    """Remembers what it was asked; does what the test says."""

    def __init__(self, store: MemoryStore, result: Result | Exception = BRIEF) -> None:
        self.store = store
        self.result = result
        self.asked = 0
        self.stopping = threading.Event()
        self.refused: str | None = None

    def perform(self, lease: Lease) -> Result:
        self.asked += 1
        assert lease.claim.request == BRIEF_REQUEST
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def ring(self) -> None:
        answer(
            JOB,
            WORK,
            store=self.store,
            perform=self.perform,
            heartbeat_s=SOON_S,
            lease_s=60,
            handed_back=self.stopping,
            refusal=lambda: self.refused,
        )


def last(store: MemoryStore) -> Result:
    event = store.read(JOB)[-1].event
    assert isinstance(event, WorkEnded)
    return event.result


def test_two_messages_for_one_piece_of_work_do_it_once(store: MemoryStore) -> None:
    worker = Worker(store)

    worker.ring()
    worker.ring()

    assert worker.asked == 1
    assert last(store) == BRIEF


def test_what_a_worker_refuses_is_left_to_others(store: MemoryStore) -> None:
    full, other = Worker(store), Worker(store)
    full.refused = "the disk is full"

    full.ring()
    other.ring()

    assert (full.asked, other.asked) == (0, 1)
    assert last(store) == BRIEF


def test_a_failed_experiment_is_recorded_with_its_sentence(store: MemoryStore) -> None:
    Worker(store, DataFailed("wanted rows, found none")).ring()

    assert last(store) == Failed(error="DataFailed", detail="wanted rows, found none")


def test_a_bug_gives_the_work_back_and_is_heard(store: MemoryStore) -> None:
    worker = Worker(store, ZeroDivisionError("a bug"))

    with pytest.raises(ZeroDivisionError):
        worker.ring()

    claim = store.claim(JOB, WORK, lease_s=60)
    assert claim is not None
    assert claim.attempt == 2


def test_an_outage_records_nothing_so_the_work_can_be_claimed_again(store: MemoryStore) -> None:
    worker = Worker(store, StoreUnavailable("redis is away"))

    with pytest.raises(StoreUnavailable):
        worker.ring()

    assert store.read(JOB)[-1].event.kind == "work_ordered"
    assert store.claim(JOB, WORK, lease_s=60) is not None


def test_an_answer_is_kept_while_the_store_is_away(store: MemoryStore) -> None:
    finish, outages = store.finish, iter([StoreUnavailable("away"), StoreUnavailable("away")])

    def finish_after_two_outages(claim: Claim, result: Result) -> None:
        for outage in outages:
            raise outage
        finish(claim, result)

    store.finish = finish_after_two_outages  # type: ignore[method-assign]  # a store that is away
    worker = Worker(store)
    worker.ring()

    assert worker.asked == 1
    assert last(store) == BRIEF


def test_a_worker_that_shuts_down_hands_its_work_back_without_blame(store: MemoryStore) -> None:
    class Stopped(Worker):
        def perform(self, lease: Lease) -> Result:
            self.stopping.set()
            lease.check()
            raise AssertionError("check must stop the work")

    Stopped(store).ring()

    claim = store.claim(JOB, WORK, lease_s=60)
    assert claim is not None
    assert claim.attempt == 1


def test_work_that_stops_because_the_store_is_away_waits_for_its_lease_to_end(
    store: MemoryStore,
) -> None:
    class CutOff(Worker):
        def perform(self, lease: Lease) -> Result:
            self.stopping.set()
            lease.check()
            raise AssertionError("check must stop the work")

    def away(claim: Claim, *, blameless: bool) -> None:
        raise StoreUnavailable("away")

    store.release = away  # type: ignore[method-assign]  # a store that is away
    CutOff(store).ring()

    assert store.read(JOB)[-1].event.kind == "work_ordered"
    assert store.claim(JOB, WORK, lease_s=60) is None, "it is held until its lease is over"


def test_cancelled_work_ends_as_cancelled(store: MemoryStore) -> None:
    class Cancelled(Worker):
        def perform(self, lease: Lease) -> Result:
            lease.cancelled = True
            lease.check()
            raise AssertionError("check must stop the work")

    Cancelled(store).ring()

    result = last(store)
    assert isinstance(result, Failed)
    assert result.error == "Cancelled"


def test_progress_and_a_wish_to_cancel_travel_with_the_heartbeat(store: MemoryStore) -> None:
    claim = store.claim(JOB, WORK, lease_s=60)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert claim is not None
    assert hold is not None
    lease = Lease(store, claim, heartbeat_s=SOON_S, lease_s=60, handed_back=threading.Event())
    arrived = threading.Event()
    renew = store.renew

    def renew_and_tell(*arguments: object, **options: object) -> bool:
        cancelled = renew(*arguments, **options)  # type: ignore[arg-type]
        if cancelled:
            arrived.set()
        return cancelled

    store.renew = renew_and_tell  # type: ignore[method-assign]  # only to know when it came
    with lease:
        lease.say(PROGRESS)
        store.cancel_work(hold, WORK)
        assert arrived.wait(5)

    assert store.progress(JOB) == {WORK: PROGRESS}
    with pytest.raises(GivenUp):
        lease.check()


def test_a_lease_that_was_taken_away_stops_the_work(store: MemoryStore) -> None:
    claim = store.claim(JOB, WORK, lease_s=-1)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert claim is not None
    assert hold is not None
    lease = Lease(store, claim, heartbeat_s=SOON_S, lease_s=60, handed_back=threading.Event())
    store.reap(hold)

    with lease:
        lease._thread.join(5)  # it leaves when the lease is lost

    assert lease.lost
    assert lease.must_stop


def test_a_renewal_that_hangs_stops_the_work_before_the_lease_is_over(store: MemoryStore) -> None:
    claim = store.claim(JOB, WORK, lease_s=60)
    assert claim is not None
    lease = Lease(store, claim, heartbeat_s=SOON_S, lease_s=0.2, handed_back=threading.Event())
    hangs, mended = threading.Event(), threading.Event()

    def hang(*arguments: object, **options: object) -> bool:
        hangs.set()
        mended.wait()
        return False

    store.renew = hang  # type: ignore[method-assign]  # a network that was cut without a word
    with lease:
        assert hangs.wait(5)
        deadline = time.monotonic() + 5
        while not lease.lost and time.monotonic() < deadline:
            time.sleep(SOON_S)
        stops = lease.must_stop
        mended.set()

    assert stops
