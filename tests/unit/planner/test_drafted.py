"""A job that leaves something open: one plan, then whatever its user says."""

from contextlib import suppress
from typing import NoReturn

import pytest

from services.planner.advice import Advice
from services.planner.decide import Act, CancelWork, End
from services.planner.drafted import DraftState, decide, go_on, prelude
from services.planner.loop import PlanningLoop
from services.planner.orders import Order
from services.planner.plan_views import draft_view
from services.planner.state import JobState, fold
from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Caps
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.run import Failed
from shared.contracts.work import Request, Result
from shared.store import PLAN as PLANNING
from shared.store_memory import MemoryStore
from tests.support.advised import COUNSEL
from tests.support.examples import CPU, DRAFT, FAILED, JOB, PLAN, PLAN_REQUEST, SPEC, worker
from tests.support.planning import Bench, good_news


class Killed(Exception):
    """A planner died right after it had written an order down."""


class Desk:
    """A draft, its planner, and a test that plays researcher and user."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore(lambda: 1_000_000.0)
        self.store.draft(JOB, DRAFT, idempotency_key=None)
        self.rung: list[WorkId] = []
        self.loop = PlanningLoop(self.store, self.ring, "planner 1")

    def ring(self, job_id: JobId, work_id: WorkId, request: Request) -> None:
        self.rung.append(work_id)

    def answer(self, result: Result) -> None:
        claim = self.store.claim(JOB, self.rung.pop(), lease_s=60)
        assert claim is not None
        self.store.finish(claim, result)
        self.loop.step(JOB)

    @property
    def kinds(self) -> list[str]:
        return [entry.event.kind for entry in self.store.read(JOB)]

    @property
    def state(self) -> DraftState:
        state = go_on(None, self.store.read(JOB))
        assert isinstance(state, DraftState)
        return state

    @property
    def next_acts(self) -> list[Act]:
        return decide(self.state)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_plan_is_asked_for_once_with_what_the_machines_can_and_may_cost(desk: Desk) -> None:
    desk.store.present(worker("executor", "one", can=CPU), for_s=60)

    for _ in range(3):
        desk.loop.step(JOB)

    assert desk.kinds == ["job_drafted", "work_ordered"]
    assert desk.store.request_of(JOB, PLANNING) == PLAN_REQUEST


def test_the_caps_of_a_plan_are_those_of_the_budget(desk: Desk) -> None:
    budget = DRAFT.budget.model_copy(update={"llm_tokens": 9, "money": 0.5})
    state = desk.state
    state.draft = DRAFT.model_copy(update={"budget": budget})

    [order] = decide(state)

    assert isinstance(order, Order)
    assert isinstance(order.request, PlanRequest)
    assert order.request.caps == Caps(tokens=9, money=0.5)


def test_a_plan_waits_for_its_user(desk: Desk) -> None:
    desk.loop.step(JOB)

    desk.answer(PLAN)
    desk.loop.step(JOB)

    assert desk.kinds == ["job_drafted", "work_ordered", "work_ended"]
    assert desk.next_acts == []
    assert desk.store.active() == [JOB]


def test_a_job_that_cannot_be_planned_fails_with_the_reason(desk: Desk) -> None:
    desk.loop.step(JOB)

    desk.answer(Failed(error="DataFailed", detail="wanted rows, found none"))

    ended = desk.state.ended
    assert ended is not None
    assert (ended.how, ended.reason) == ("failed", "wanted rows, found none")
    assert desk.store.active() == []


def test_a_draft_cancelled_while_it_is_planned_ends_when_the_researcher_has_stopped(
    desk: Desk,
) -> None:
    desk.loop.step(JOB)
    claim = desk.store.claim(JOB, PLANNING, lease_s=60)
    assert claim is not None
    desk.store.request_cancel(JOB)

    desk.loop.step(JOB)

    assert desk.next_acts == [CancelWork(PLANNING)]
    assert desk.store.renew(claim, lease_s=60, progress=None), "the researcher is not told to stop"
    desk.store.finish(claim, FAILED)
    desk.loop.step(JOB)
    assert desk.state.ended is not None
    assert desk.state.ended.how == "cancelled"


def test_a_draft_cancelled_instead_of_approved_ends_as_cancelled(desk: Desk) -> None:
    desk.loop.step(JOB)
    desk.answer(PLAN)
    desk.store.request_cancel(JOB)

    [end] = desk.next_acts
    desk.loop.step(JOB)

    assert isinstance(end, End)
    assert desk.state.ended == end.event
    assert end.event.how == "cancelled"


def approved_job(plan: Plan = PLAN) -> Bench:
    """A job that began as a draft, right after its user approved the plan."""
    bench = Bench(SPEC)
    desk = Desk(MemoryStore(lambda: bench.now))
    desk.loop.step(JOB)
    desk.answer(plan)
    desk.store.approve(JOB, SPEC)
    bench.store = desk.store
    bench.loop = bench.planner("planner 1")
    bench.loop.states = desk.loop.states
    return bench


def test_an_approved_draft_goes_on_as_the_job_that_was_submitted_whole() -> None:
    whole = Bench(SPEC, good_news).run_to_the_end()

    approved = approved_job().run_to_the_end()

    assert approved.ended == whole.ended
    assert list(approved.ordered) == list(whole.ordered)


def test_what_the_plan_cost_is_the_jobs_and_the_same_however_its_ledger_is_read() -> None:
    bench = approved_job(PLAN.model_copy(update={"counsel": COUNSEL}))
    entries = bench.store.read(JOB)

    draft = prelude(entries)
    assert draft is not None
    shown = draft_view(draft, {}, now=bench.now).spent
    assert (shown.llm_calls, shown.llm_tokens, shown.money) == (2, 1000, 0.25)

    for end in range(len(entries) + 1):
        state = go_on(go_on(None, entries[:end]), entries[end:])
        assert isinstance(state, JobState)
        assert state.advice == fold(entries).advice == Advice("qwen", 2, 1000, 0.25)
    assert bench.view.spent.llm_tokens == 1000


def test_what_was_approved_can_still_be_looked_at_as_it_was_drafted() -> None:
    bench = approved_job()
    bench.run_to_the_end()

    state = prelude(bench.store.read(JOB))

    assert state is not None
    assert (state.draft, state.plan) == (DRAFT, PLAN)
    assert state.ended is None
    assert prelude(Bench(SPEC).store.read(JOB)) is None


def test_a_job_that_waits_for_approval_takes_no_executors_from_another() -> None:
    bench = Bench(SPEC, executors=4)
    other = JobId("j-2")
    bench.store.draft(other, DRAFT, idempotency_key=None)

    bench.loop.step(other)
    bench.loop.step(JOB)

    assert bench.loop._share(JOB) == 4


def test_a_draft_folded_at_once_or_in_parts_gives_one_state_and_one_next_act(desk: Desk) -> None:
    desk.loop.step(JOB)
    desk.answer(PLAN)
    desk.store.request_cancel(JOB)
    desk.loop.step(JOB)
    entries = desk.store.read(JOB)

    for end in range(1, len(entries) + 1):
        whole = go_on(None, entries[:end])
        parts = go_on(go_on(None, entries[: end // 2]), entries[end // 2 : end])
        assert isinstance(whole, DraftState)
        assert isinstance(parts, DraftState)
        assert whole == parts
        assert decide(whole) == decide(parts)


def test_a_planner_killed_right_after_its_order_leaves_the_same_draft(desk: Desk) -> None:
    def dying(job_id: JobId, work_id: WorkId, request: Request) -> NoReturn:
        desk.rung.append(work_id)
        raise Killed

    desk.loop.ring = dying
    with suppress(Killed):
        desk.loop.step(JOB)
    desk.loop = PlanningLoop(desk.store, desk.ring, "planner 1")
    desk.loop.step(JOB)

    desk.answer(PLAN)

    assert desk.rung == []
    assert desk.kinds == ["job_drafted", "work_ordered", "work_ended"]


def test_a_planner_killed_at_any_step_of_an_approved_job_leaves_the_same_job() -> None:
    wanted = approved_job().run_to_the_end()
    bench = approved_job()

    bench.loop.step(JOB)
    while bench.rung:
        bench.answer_next()
        bench.loop = bench.planner("planner 1")  # which knows nothing
        bench.loop.step(JOB)

    assert bench.state.ended == wanted.ended
    assert list(bench.state.ordered) == list(wanted.ordered)
