"""The planning loop: fold each job's ledger, decide, act, wait.

One thread plans all jobs; each job is held by a lease, so a second planner can stand by and take
over what the first one lets go.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from services.planner import drafted
from services.planner.able import Able, able
from services.planner.decide import Act, CancelWork, End, decide
from services.planner.drafted import DraftState, Standing, go_on
from services.planner.metrics import count_runs
from services.planner.orders import Order
from services.planner.sharing import shares
from services.planner.state import JobState
from shared.contracts.base import JobId, WorkId
from shared.contracts.work import Request
from shared.errors import LeaseLost, StoreUnavailable
from shared.store import BEGINNING, Hold, JobStore
from shared.telemetry.measures import STEP
from shared.telemetry.telling import ordering

logger = logging.getLogger(__name__)

LEASE_S = 15.0
"""Seconds after which a silent planner's jobs may be taken over."""

PATIENCE_S = 1.0
"""Longest wait for news; also how often leases are renewed and silent workers looked for."""

Ring = Callable[[JobId, WorkId, Request], None]
"""Sends the doorbell for a piece of work."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who was alive at a moment."""

    seen_at: float
    """Seconds since 1970, by the server's clock."""
    executors: int
    """Those that take work."""
    able: Able


@dataclass(slots=True)
class PlanningLoop:
    """Plans every job this planner holds. Not for several threads."""

    store: JobStore
    ring: Ring
    planner: str
    """Names this planner among those that stand by."""
    states: dict[JobId, Standing] = field(default_factory=dict)
    _workers: Workers | None = None

    def run(self, stopping: Event) -> None:
        """Plan until told to stop. While Redis is away, wait for it."""
        while not stopping.is_set():
            try:
                active = self.store.active()
                for job_id in active:
                    self.step(job_id)
                self._wait(active, stopping)
            except StoreUnavailable as error:
                logger.warning("planning waits: %s", error)
                stopping.wait(PATIENCE_S)

    def step(self, job_id: JobId) -> None:
        """Carry one job as far as it goes without waiting, unless another planner has it."""
        hold = self.store.hold(job_id, self.planner, lease_s=LEASE_S)
        if hold is None:
            return
        began = time.perf_counter()
        try:
            grew = True
            while grew:
                grew = self._act(hold, self._decide(job_id, self._catch_up(job_id)))
            for work_id in self.store.reap(hold):
                request = self.store.request_of(job_id, work_id)
                if request is None:
                    continue  # somebody answered the first ring meanwhile
                logger.info("ringing again for %s of %s", work_id, job_id)
                with ordering(job_id, work_id, request, again=True):
                    self.ring(job_id, work_id, request)
        except LeaseLost as lost:
            logger.warning("%s", lost)
            self.states.pop(job_id, None)
        STEP.record(time.perf_counter() - began)

    def _share(self, job_id: JobId) -> int:
        """Return how many executors a job may keep busy beside the others planned here."""
        jobs = {job: state for job, state in self.states.items() if isinstance(state, JobState)}
        weights = {job: state.spec.weight for job, state in jobs.items()}
        return shares(weights, self._alive().executors)[job_id]

    def _alive(self) -> Workers:
        """Return who was alive a second ago or less: there may be hundreds of them to ask for."""
        now = self.store.now()
        if self._workers is None or now - self._workers.seen_at >= PATIENCE_S:
            living = self.store.living()
            executors = sum(one.service == "executor" and one.takes_work for one in living)
            self._workers = Workers(now, executors, able(living))
        return self._workers

    def _catch_up(self, job_id: JobId) -> Standing:
        known = self.states.get(job_id)
        entries = self.store.read(job_id, after=known.cursor if known else BEGINNING)
        state = go_on(known, entries)
        assert state is not None, "a job that can be held has a ledger"
        if known is not None:  # what was before this planner is not news
            count_runs(state, entries)
        self.states[job_id] = state
        return state

    def _decide(self, job_id: JobId, state: Standing) -> list[Act]:
        can = self._alive().able
        if isinstance(state, DraftState):
            return drafted.decide(state, machines=can.machines)
        share = self._share(job_id)
        return decide(state, now=self.store.now(), executors=share, able=can)

    def _act(self, hold: Hold, acts: list[Act]) -> bool:
        """Carry acts out; return whether the ledger grew, so that there may be more to decide."""
        for act in acts:
            match act:
                case Order():
                    self._order(hold, act)
                case CancelWork():
                    self.store.cancel_work(hold, act.work_id)
                case End():
                    self.store.end(hold, act.event)
                    logger.info("%s %s: %s", hold.job_id, act.event.how, act.event.reason)
                    self.states.pop(hold.job_id, None)
                    return False
        return any(isinstance(act, Order) for act in acts)

    def _order(self, hold: Hold, order: Order) -> None:
        with ordering(hold.job_id, order.work_id, order.request, again=False):
            self.store.order(hold, order.work_id, order.request, why=order.why, choice=order.choice)
            logger.info("%s of %s: %s", order.work_id, hold.job_id, order.why)
            self.ring(hold.job_id, order.work_id, order.request)

    def _wait(self, active: list[JobId], stopping: Event) -> None:
        cursors = {job: self.states[job].cursor for job in active if job in self.states}
        if cursors:
            self.store.wait(cursors, for_s=PATIENCE_S)
        else:
            stopping.wait(PATIENCE_S / 4)
