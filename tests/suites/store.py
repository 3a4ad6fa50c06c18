"""What every store must do; subclass and fill in the fixtures."""

from collections.abc import Callable

import pytest

from shared.contracts.base import WorkId
from shared.contracts.events import JobEnded, WorkEnded, WorkLost, WorkOrdered
from shared.contracts.run import Failed
from shared.contracts.work import Result
from shared.contracts.worker import Doing
from shared.errors import LeaseLost, Rejected
from shared.store import (
    FIRST_PATIENCE_S,
    MAX_ATTEMPTS,
    Backlog,
    Claim,
    Hold,
    JobStore,
    WorkStore,
)
from shared.store import PLAN as PLANNING
from tests.support.examples import (
    BRIEF,
    BRIEF_REQUEST,
    CPU,
    DRAFT,
    FAILED,
    JOB,
    PLAN,
    PLAN_REQUEST,
    PROGRESS,
    PROPOSE_REQUEST,
    RUN_REQUEST,
    SCORE_REQUEST,
    SPEC,
    worker,
)

WORK = WorkId("brief")
ENDED = JobEnded(how="finished", reason="done", best=None)


class Store(JobStore, WorkStore):
    """Both halves, as the implementations have them."""


class StoreSuite:
    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("the subclass gives an empty store")

    @pytest.fixture
    def let_pass(self) -> Callable[[float], None]:
        raise NotImplementedError("the subclass lets the store's clock go on by some seconds")

    @pytest.fixture
    def hold(self, store: Store) -> Hold:
        store.create(JOB, SPEC, idempotency_key=None)
        hold = store.hold(JOB, "planner 1", lease_s=60)
        assert hold is not None
        return hold

    @pytest.fixture
    def claim(self, store: Store, hold: Hold) -> Claim:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
        claim = store.claim(JOB, WORK, lease_s=60)
        assert claim is not None
        return claim

    def kinds(self, store: Store) -> list[str]:
        return [entry.event.kind for entry in store.read(JOB)]

    def test_a_new_job_is_active_and_its_ledger_begins_with_what_was_asked(
        self, store: Store
    ) -> None:
        store.create(JOB, SPEC, idempotency_key=None)

        assert store.jobs() == store.active() == [JOB]
        assert self.kinds(store) == ["job_submitted"]

    def test_a_worker_gets_all_of_a_request_and_the_ledger_what_it_does_not_say_already(
        self, store: Store, hold: Hold
    ) -> None:
        store.order(hold, WORK, PROPOSE_REQUEST, why="more")

        claim = store.claim(JOB, WORK, lease_s=60)

        ordered = store.read(JOB)[-1].event
        assert isinstance(ordered, WorkOrdered)
        assert PROPOSE_REQUEST.findings
        assert claim is not None
        assert claim.request == PROPOSE_REQUEST
        assert ordered.request == PROPOSE_REQUEST.model_copy(update={"findings": ()})

    def test_a_request_is_kept_until_it_has_an_answer(self, store: Store, claim: Claim) -> None:
        assert store.request_of(JOB, WORK) == BRIEF_REQUEST

        store.finish(claim, BRIEF)

        assert store.request_of(JOB, WORK) is None

    def test_the_same_key_gives_the_same_job(self, store: Store) -> None:
        first = store.create(JOB, SPEC, idempotency_key="k")

        again = store.create(type(JOB)("j-2"), SPEC, idempotency_key="k")

        assert again == first == JOB
        assert store.jobs() == [JOB]

    def test_a_key_used_for_another_job_is_refused(self, store: Store) -> None:
        store.create(JOB, SPEC, idempotency_key="k")

        with pytest.raises(Rejected, match="send a new key"):
            store.create(type(JOB)("j-2"), SPEC.model_copy(update={"seed": 9}), idempotency_key="k")

    @pytest.fixture
    def drafted(self, store: Store) -> Hold:
        store.draft(JOB, DRAFT, idempotency_key=None)
        hold = store.hold(JOB, "planner 1", lease_s=60)
        assert hold is not None
        return hold

    @pytest.fixture
    def planned(self, store: Store, drafted: Hold) -> Hold:
        self.plan(store, drafted, PLAN)
        return drafted

    def plan(self, store: Store, hold: Hold, result: Result) -> None:
        store.order(hold, PLANNING, PLAN_REQUEST, why="it is left open")
        claim = store.claim(JOB, PLANNING, lease_s=60)
        assert claim is not None
        store.finish(claim, result)

    def test_a_draft_is_active_and_becomes_a_job_when_it_is_approved(
        self, store: Store, planned: Hold
    ) -> None:
        store.approve(JOB, SPEC)

        assert store.jobs() == store.active() == [JOB]
        assert self.kinds(store) == ["job_drafted", "work_ordered", "work_ended", "job_submitted"]

    def test_a_draft_approved_twice_is_submitted_once(self, store: Store, planned: Hold) -> None:
        store.approve(JOB, SPEC)
        store.approve(JOB, SPEC)

        assert self.kinds(store).count("job_submitted") == 1

    def test_a_draft_approved_as_another_job_is_refused(self, store: Store, planned: Hold) -> None:
        store.approve(JOB, SPEC)

        with pytest.raises(Rejected, match="was approved as another job"):
            store.approve(JOB, SPEC.model_copy(update={"seed": 9}))
        assert self.kinds(store).count("job_submitted") == 1

    def test_a_draft_without_a_plan_cannot_be_approved(self, store: Store, drafted: Hold) -> None:
        with pytest.raises(Rejected, match="wanted a plan to approve"):
            store.approve(JOB, SPEC)

        self.plan(store, drafted, FAILED)

        with pytest.raises(Rejected, match="wanted a plan to approve"):
            store.approve(JOB, SPEC)
        assert "job_submitted" not in self.kinds(store)

    def test_a_draft_that_was_cancelled_cannot_be_approved(
        self, store: Store, planned: Hold
    ) -> None:
        store.request_cancel(JOB)

        with pytest.raises(Rejected, match="has ended or is being cancelled"):
            store.approve(JOB, SPEC)

        store.end(planned, ENDED)
        with pytest.raises(Rejected, match="has ended or is being cancelled"):
            store.approve(JOB, SPEC)
        assert "job_submitted" not in self.kinds(store)

    def test_a_job_approved_before_it_ended_may_be_approved_again(
        self, store: Store, planned: Hold
    ) -> None:
        store.approve(JOB, SPEC)
        store.end(planned, ENDED)

        store.approve(JOB, SPEC)

        assert self.kinds(store)[-1] == "job_ended"

    def test_a_job_that_was_no_draft_cannot_be_approved(self, store: Store, hold: Hold) -> None:
        with pytest.raises(Rejected, match="wanted a draft to approve"):
            store.approve(JOB, SPEC)

    def test_the_same_key_gives_the_same_draft_and_no_other(self, store: Store) -> None:
        first = store.draft(JOB, DRAFT, idempotency_key="k")

        assert store.draft(type(JOB)("j-2"), DRAFT, idempotency_key="k") == first
        with pytest.raises(Rejected, match="send a new key"):
            store.create(type(JOB)("j-2"), SPEC, idempotency_key="k")
        assert store.jobs() == [JOB]

    def test_a_reader_gets_what_came_after_its_cursor(self, store: Store, hold: Hold) -> None:
        [first] = store.read(JOB)

        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")

        assert [e.event.kind for e in store.read(JOB, after=first.id)] == ["work_ordered"]

    def test_one_planner_holds_a_job_until_its_lease_is_over(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        assert store.hold(JOB, "planner 2", lease_s=60) is None

        let_pass(61)
        successor = store.hold(JOB, "planner 2", lease_s=60)

        assert successor is not None
        assert successor.fence > hold.fence

    def test_a_planner_that_lost_its_job_cannot_order_or_end(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(61)
        store.hold(JOB, "planner 2", lease_s=60)

        with pytest.raises(LeaseLost, match="another planner"):
            store.order(hold, WORK, BRIEF_REQUEST, why="too late")
        with pytest.raises(LeaseLost, match="another planner"):
            store.end(hold, ENDED)
        assert self.kinds(store) == ["job_submitted"]

    def test_work_ordered_twice_is_written_once(self, store: Store, hold: Hold) -> None:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")

        assert self.kinds(store) == ["job_submitted", "work_ordered"]

    def test_work_is_claimed_once_and_brings_its_request(self, store: Store, claim: Claim) -> None:
        assert claim.request == BRIEF_REQUEST
        assert claim.attempt == 1
        assert store.claim(JOB, WORK, lease_s=60) is None

    def test_unknown_work_cannot_be_claimed(self, store: Store, hold: Hold) -> None:
        assert store.claim(JOB, WorkId("run-9"), lease_s=60) is None

    def test_progress_is_seen_while_the_work_is_held(self, store: Store, claim: Claim) -> None:
        store.renew(claim, lease_s=60, progress=PROGRESS)
        seen = store.progress(JOB)

        store.finish(claim, BRIEF)

        assert seen == {WORK: PROGRESS}
        assert store.progress(JOB) == {}

    def test_finished_twice_is_written_once(self, store: Store, claim: Claim) -> None:
        store.finish(claim, BRIEF)
        store.finish(claim, BRIEF)

        assert self.kinds(store) == ["job_submitted", "work_ordered", "work_ended"]

    def test_a_renewed_lease_is_not_reaped(
        self, store: Store, hold: Hold, claim: Claim, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(50)
        store.renew(claim, lease_s=60, progress=None)
        let_pass(50)
        held = store.hold(JOB, "planner 1", lease_s=60)

        assert held is not None
        assert store.reap(held) == []

    def test_a_silent_worker_loses_its_work_and_cannot_overwrite_its_successor(
        self, store: Store, claim: Claim, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(61)
        rung = store.reap(hold)
        successor = store.claim(JOB, WORK, lease_s=60)

        assert rung == [WORK]
        assert successor is not None
        assert (successor.attempt, successor.fence > claim.fence) == (2, True)
        with pytest.raises(LeaseLost, match="attempt 1"):
            store.finish(claim, BRIEF)
        with pytest.raises(LeaseLost, match="attempt 1"):
            store.renew(claim, lease_s=60, progress=None)
        lost = store.read(JOB)[-1].event
        assert isinstance(lost, WorkLost)
        assert lost.held_s >= 60

    def test_a_worker_given_up_for_dead_cannot_finish_before_its_successor_begins(
        self, store: Store, claim: Claim, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(61)
        store.reap(hold)

        with pytest.raises(LeaseLost, match="attempt 1"):
            store.finish(claim, BRIEF)
        assert store.claim(JOB, WORK, lease_s=60) is not None

    def test_work_that_costs_too_many_workers_ends_as_failed(
        self, store: Store, claim: Claim, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        for _ in range(MAX_ATTEMPTS - 1):
            let_pass(61)
            store.reap(hold)
            store.claim(JOB, WORK, lease_s=60)

        let_pass(61)
        rung = store.reap(hold)

        ended = store.read(JOB)[-1].event
        assert rung == []
        assert isinstance(ended, WorkEnded)
        assert isinstance(ended.result, Failed)
        assert ended.result.error == "WorkerLost"

    def test_work_nobody_answers_is_rung_for_again_and_less_often_each_time(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")

        let_pass(FIRST_PATIENCE_S + 1)
        first = store.reap(hold)
        let_pass(FIRST_PATIENCE_S + 1)
        too_early = store.reap(hold)
        let_pass(FIRST_PATIENCE_S + 1)
        second = store.reap(hold)
        let_pass(2 * FIRST_PATIENCE_S + 1)
        still_too_early = store.reap(hold)

        assert (first, too_early, second, still_too_early) == ([WORK], [], [WORK], [])
        assert self.kinds(store) == ["job_submitted", "work_ordered"]

    def test_work_given_back_is_rung_for_at_once_and_a_blameless_attempt_does_not_count(
        self, store: Store, hold: Hold, claim: Claim
    ) -> None:
        store.release(claim, blameless=True)

        rung = store.reap(hold)
        again = store.claim(JOB, WORK, lease_s=60)

        assert rung == [WORK]
        assert again is not None
        assert again.attempt == 1

    def test_releasing_work_that_changed_hands_does_nothing(
        self, store: Store, claim: Claim, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(61)
        store.reap(hold)
        successor = store.claim(JOB, WORK, lease_s=60)
        assert successor is not None

        store.release(claim, blameless=True)

        assert store.renew(successor, lease_s=60, progress=None) is False

    def test_cancelling_queued_work_ends_it(self, store: Store, hold: Hold) -> None:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")

        store.cancel_work(hold, WORK)

        assert self.kinds(store)[-1] == "work_ended"
        assert store.claim(JOB, WORK, lease_s=60) is None

    def test_cancelling_running_work_asks_its_worker_to_give_up(
        self, store: Store, hold: Hold, claim: Claim
    ) -> None:
        before = store.renew(claim, lease_s=60, progress=None)

        store.cancel_work(hold, WORK)

        assert (before, store.renew(claim, lease_s=60, progress=None)) == (False, True)

    def test_a_wish_to_cancel_is_written_once_and_not_after_the_end(
        self, store: Store, hold: Hold
    ) -> None:
        wishes = [store.request_cancel(JOB), store.request_cancel(JOB)]
        store.end(hold, ENDED)

        assert wishes == [True, True]
        assert store.request_cancel(JOB) is False
        assert self.kinds(store) == ["job_submitted", "cancel_requested", "job_ended"]

    def test_a_job_ends_once_and_is_active_no_more(self, store: Store, hold: Hold) -> None:
        store.end(hold, ENDED)
        store.end(hold, ENDED)

        assert self.kinds(store) == ["job_submitted", "job_ended"]
        assert (store.jobs(), store.active()) == ([JOB], [])

    def test_what_each_service_has_to_do_is_counted_and_how_long_it_waits(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        for number in (1, 2, 3):
            store.order(hold, WorkId(f"run-{number}"), RUN_REQUEST, why="it looks promising")
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
        let_pass(20)
        store.claim(JOB, WorkId("run-1"), lease_s=60)
        store.order(hold, WorkId("score-0"), SCORE_REQUEST, why="to know")

        backlog = store.backlog()

        assert set(backlog) == {"researcher", "executor", "evaluator"}
        assert (backlog["executor"].queued, backlog["executor"].leased) == (2, 1)
        assert 20 <= backlog["executor"].oldest_s < 30
        assert (backlog["evaluator"].queued, backlog["evaluator"].leased) == (1, 0)
        assert backlog["evaluator"].oldest_s < 20

    def test_work_given_back_or_taken_back_waits_from_then_on(
        self, store: Store, hold: Hold, claim: Claim, let_pass: Callable[[float], None]
    ) -> None:
        let_pass(50)
        store.release(claim, blameless=True)
        given_back = store.backlog()["researcher"]
        let_pass(50)
        store.claim(JOB, WORK, lease_s=10)
        let_pass(11)
        held = store.hold(JOB, "planner 1", lease_s=60)
        assert held is not None
        store.reap(held)

        taken_back = store.backlog()["researcher"]

        assert (given_back.queued, given_back.leased) == (1, 0)
        assert (taken_back.queued, taken_back.leased) == (1, 0)
        assert given_back.oldest_s < 10
        assert taken_back.oldest_s < 10

    def test_work_that_is_rung_for_again_has_waited_since_it_was_ordered(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")
        let_pass(FIRST_PATIENCE_S + 1)

        store.reap(hold)

        assert store.backlog()["researcher"].oldest_s > FIRST_PATIENCE_S

    def test_what_has_ended_is_no_backlog(self, store: Store, hold: Hold, claim: Claim) -> None:
        store.order(hold, WorkId("run-1"), RUN_REQUEST, why="it looks promising")
        store.finish(claim, BRIEF)
        store.cancel_work(hold, WorkId("run-1"))
        done = store.backlog()
        store.order(hold, WorkId("run-2"), RUN_REQUEST, why="it looks promising, too")
        store.end(hold, ENDED)

        assert set(done.values()) == set(store.backlog().values()) == {Backlog()}

    def test_workers_count_while_they_say_that_they_live(
        self, store: Store, let_pass: Callable[[float], None]
    ) -> None:
        store.present(worker("executor", "one"), for_s=10)
        store.present(worker("executor", "two"), for_s=30)
        store.present(worker("evaluator", "three"), for_s=30)
        both = store.workers("executor")

        let_pass(20)

        assert (both, store.workers("executor")) == (2, 1)

    def test_a_worker_that_takes_no_work_is_seen_and_not_counted(self, store: Store) -> None:
        full = worker("executor", "one", can=CPU, takes_work=False, trouble=("the disk is full",))
        store.present(worker("executor", "one", can=CPU), for_s=30)
        store.present(worker("evaluator", "two"), for_s=30)

        store.present(full, for_s=30)

        assert store.workers("executor") == 0
        assert store.living() == (worker("evaluator", "two"), full)

    def test_a_worker_is_seen_as_it_was_last_for_as_long_as_it_says_so(
        self, store: Store, let_pass: Callable[[float], None]
    ) -> None:
        busy = worker("executor", "one", doing=Doing(job_id=JOB, work_id=WORK, progress=PROGRESS))
        store.present(worker("executor", "one"), for_s=30)
        store.present(busy, for_s=30)
        before = store.living()

        let_pass(31)

        assert (before, store.living()) == ((busy,), ())
        store.present(worker("executor", "two"), for_s=30)
        assert store.living() == (worker("executor", "two"),)

    def test_work_that_is_declined_is_soon_rung_for_again(
        self, store: Store, hold: Hold, let_pass: Callable[[float], None]
    ) -> None:
        store.order(hold, WORK, BRIEF_REQUEST, why="to begin with")

        store.decline(JOB, WORK, for_s=5)
        at_once = store.reap(hold)
        let_pass(6)
        soon = store.reap(hold)
        store.decline(JOB, WORK, for_s=2 * FIRST_PATIENCE_S)
        let_pass(FIRST_PATIENCE_S + 1)
        as_for_the_first_time = store.reap(hold)

        assert (at_once, soon, as_for_the_first_time) == ([], [WORK], [WORK])
        assert store.claim(JOB, WORK, lease_s=60) is not None

    def test_declining_what_is_held_or_over_or_unknown_does_nothing(
        self, store: Store, hold: Hold, claim: Claim, let_pass: Callable[[float], None]
    ) -> None:
        store.decline(JOB, WORK, for_s=0)
        store.decline(JOB, WorkId("run-9"), for_s=0)
        let_pass(1)

        assert store.reap(hold) == []
        assert store.renew(claim, lease_s=60, progress=None) is False

    def test_a_worker_can_ask_which_contracts_the_planner_has(self, store: Store) -> None:
        before = store.contracts()

        store.set_contracts(3)

        assert (before, store.contracts()) == (None, 3)

    def test_an_unknown_job_has_an_empty_ledger(self, store: Store) -> None:
        assert store.read(type(JOB)("j-none")) == []
