"""The store in this process's memory: for tests and simulations. Same promises, nothing survives.

The clock is an argument, so that a test can let a lease run out without waiting.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.contracts.base import JobId, WorkId, digest
from shared.contracts.choice import Choice
from shared.contracts.events import (
    CancelRequested,
    Event,
    JobDrafted,
    JobEnded,
    JobSubmitted,
    WorkEnded,
    WorkOrdered,
)
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft
from shared.contracts.run import Failed, Progress
from shared.contracts.work import SERVICES, Request, Result, Service, recorded
from shared.contracts.worker import Worker
from shared.errors import LeaseLost
from shared.store import (
    BEGINNING,
    MAX_ATTEMPTS,
    Backlog,
    Claim,
    Entry,
    Hold,
    backlogs,
    cannot_approve,
    lost,
    lost_or_given_up,
    patience_s,
    refuse_without_plan,
    used_for_another,
)


@dataclass(slots=True)
class _Work:
    request: Request
    due: float
    queued_at: float
    status: Literal["queued", "running", "ended"] = "queued"
    fence: int = 0
    attempt: int = 0
    rings: int = 1
    claimed_at: float = 0.0
    cancel: bool = False
    progress: Progress | None = None


@dataclass(slots=True)
class _Job:
    asked: str
    """Digest of what the user handed over."""
    approved: str | None = None
    """Likewise, of the job that was made of a draft."""
    entries: list[Entry] = field(default_factory=list)
    works: dict[WorkId, _Work] = field(default_factory=dict)
    planner: str | None = None
    held_until: float = 0.0
    fence: int = 0
    cancelled: bool = False
    ended: bool = False


class MemoryStore:
    """`shared.store.JobStore` and `shared.store.WorkStore` in memory. Not for several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._jobs: dict[JobId, _Job] = {}
        self._keys: dict[str, JobId] = {}
        self._workers: dict[tuple[str, str], tuple[float, Worker]] = {}
        self._contracts: int | None = None

    def create(self, job_id: JobId, spec: JobSpec, *, idempotency_key: str | None) -> JobId:
        """See `shared.store.JobStore.create`."""
        return self._begin(JobSubmitted(job_id=job_id, spec=spec), digest(spec), idempotency_key)

    def draft(self, job_id: JobId, draft: JobDraft, *, idempotency_key: str | None) -> JobId:
        """See `shared.store.JobStore.draft`."""
        return self._begin(JobDrafted(job_id=job_id, draft=draft), digest(draft), idempotency_key)

    def approve(self, job_id: JobId, spec: JobSpec) -> None:
        """See `shared.store.JobStore.approve`."""
        refuse_without_plan(job_id, self.read(job_id))
        job = self._jobs[job_id]
        over = job.ended or job.cancelled
        if job.approved is None and not over:
            job.approved = digest(spec)
            self._write(job_id, JobSubmitted(job_id=job_id, spec=spec))
        if job.approved != digest(spec):
            raise cannot_approve(job_id, approved=job.approved is not None)

    def jobs(self) -> list[JobId]:
        """See `shared.store.JobStore.jobs`."""
        return list(self._jobs)

    def active(self) -> list[JobId]:
        """See `shared.store.JobStore.active`."""
        return [job_id for job_id, job in self._jobs.items() if not job.ended]

    def read(self, job_id: JobId, *, after: str = BEGINNING) -> list[Entry]:
        """See `shared.store.JobStore.read`."""
        job = self._jobs.get(job_id)
        return [] if job is None else job.entries[int(after.split("-", maxsplit=1)[0]) :]

    def wait(self, cursors: Mapping[JobId, str], *, for_s: float) -> None:
        """Return at once: whoever would write is the caller."""

    def hold(self, job_id: JobId, planner: str, *, lease_s: float) -> Hold | None:
        """See `shared.store.JobStore.hold`."""
        job, now = self._jobs[job_id], self._clock()
        if job.planner not in (None, planner) and job.held_until > now:
            return None
        if job.planner != planner:
            job.fence += 1
        job.planner, job.held_until = planner, now + lease_s
        return Hold(job_id, job.fence)

    def order(
        self,
        hold: Hold,
        work_id: WorkId,
        request: Request,
        *,
        why: str,
        choice: Choice | None = None,
    ) -> None:
        """See `shared.store.JobStore.order`."""
        job, now = self._held(hold), self._clock()
        if work_id not in job.works:
            job.works[work_id] = _Work(request, due=now + patience_s(1), queued_at=now)
            event = WorkOrdered(work_id=work_id, request=recorded(request), why=why, choice=choice)
            self._write(hold.job_id, event)

    def cancel_work(self, hold: Hold, work_id: WorkId) -> None:
        """See `shared.store.JobStore.cancel_work`."""
        work = self._held(hold).works[work_id]
        if work.status == "running":
            work.cancel = True
        elif work.status == "queued":
            work.fence += 1
            work.status = "ended"
            cancelled = Failed(error="Cancelled", detail="cancelled before a worker took it")
            self._write(hold.job_id, WorkEnded(work_id=work_id, attempt=1, result=cancelled))

    def request_cancel(self, job_id: JobId) -> bool:
        """See `shared.store.JobStore.request_cancel`."""
        job = self._jobs[job_id]
        if not job.ended and not job.cancelled:
            job.cancelled = True
            self._write(job_id, CancelRequested())
        return not job.ended

    def end(self, hold: Hold, event: JobEnded) -> None:
        """See `shared.store.JobStore.end`."""
        job = self._held(hold)
        if not job.ended:
            job.ended = True
            self._write(hold.job_id, event)

    def reap(self, hold: Hold) -> Sequence[WorkId]:
        """See `shared.store.JobStore.reap`."""
        job, now = self._held(hold), self._clock()
        due = [
            work_id
            for work_id, work in job.works.items()
            if work.status != "ended" and work.due <= now
        ]
        return [work_id for work_id in due if self._take_back(hold.job_id, work_id, now)]

    def request_of(self, job_id: JobId, work_id: WorkId) -> Request | None:
        """See `shared.store.JobStore.request_of`."""
        work = self._jobs[job_id].works[work_id]
        return None if work.status == "ended" else work.request

    def progress(self, job_id: JobId) -> dict[WorkId, Progress]:
        """See `shared.store.JobStore.progress`."""
        works = self._jobs[job_id].works.items()
        return {work_id: work.progress for work_id, work in works if work.progress is not None}

    def backlog(self) -> Mapping[Service, Backlog]:
        """See `shared.store.JobStore.backlog`."""
        now = self._clock()
        works = [work for job_id in self.active() for work in self._jobs[job_id].works.values()]
        asked = [(SERVICES[work.request.kind], work) for work in works]
        return backlogs(
            [(name, now - work.queued_at) for name, work in asked if work.status == "queued"],
            [name for name, work in asked if work.status == "running"],
        )

    def workers(self, service: str) -> int:
        """See `shared.store.JobStore.workers`."""
        return len(self._taking(service))

    def living(self) -> tuple[Worker, ...]:
        """See `shared.store.JobStore.living`."""
        now = self._clock()
        return tuple(one for _, (until, one) in sorted(self._workers.items()) if until >= now)

    def set_contracts(self, number: int) -> None:
        """See `shared.store.JobStore.set_contracts`."""
        self._contracts = number

    def contracts(self) -> int | None:
        """See `shared.store.WorkStore.contracts`."""
        return self._contracts

    def now(self) -> float:
        """See `shared.store.JobStore.now`."""
        return self._clock()

    def ping(self) -> None:
        """See `shared.store.JobStore.ping`."""

    def claim(self, job_id: JobId, work_id: WorkId, *, lease_s: float) -> Claim | None:
        """See `shared.store.WorkStore.claim`."""
        job = self._jobs.get(job_id)
        work = None if job is None else job.works.get(work_id)
        if work is None or work.status != "queued":
            return None
        now = self._clock()
        work.status, work.claimed_at, work.due = "running", now, now + lease_s
        work.fence += 1
        work.attempt += 1
        work.progress = None
        return Claim(job_id, work_id, work.fence, work.attempt, work.request)

    def renew(self, claim: Claim, *, lease_s: float, progress: Progress | None) -> bool:
        """See `shared.store.WorkStore.renew`."""
        work = self._claimed(claim)
        if work.status != "running":
            raise lost(claim)
        work.due = self._clock() + lease_s
        work.progress = progress or work.progress
        return work.cancel

    def finish(self, claim: Claim, result: Result) -> None:
        """See `shared.store.WorkStore.finish`."""
        work = self._claimed(claim)
        if work.status != "ended":
            work.status, work.progress = "ended", None
            event = WorkEnded(work_id=claim.work_id, attempt=claim.attempt, result=result)
            self._write(claim.job_id, event)

    def release(self, claim: Claim, *, blameless: bool) -> None:
        """See `shared.store.WorkStore.release`."""
        work = self._jobs[claim.job_id].works[claim.work_id]
        if work.fence == claim.fence and work.status == "running":
            work.status, work.due, work.progress = "queued", 0.0, None
            work.queued_at = self._clock()
            work.fence += 1
            work.attempt -= int(blameless)

    def decline(self, job_id: JobId, work_id: WorkId, *, for_s: float) -> None:
        """See `shared.store.WorkStore.decline`."""
        job = self._jobs.get(job_id)
        work = None if job is None else job.works.get(work_id)
        if work is not None and work.status == "queued":
            work.rings, work.due = 0, min(work.due, self._clock() + for_s)

    def present(self, worker: Worker, *, for_s: float) -> None:
        """See `shared.store.WorkStore.present`."""
        self._workers[worker.service, worker.name] = self._clock() + for_s, worker

    def _begin(self, event: JobDrafted | JobSubmitted, asked: str, key: str | None) -> JobId:
        job_id = event.job_id
        first = self._keys.setdefault(key or job_id, job_id)
        if first != job_id and self._jobs[first].asked != asked:
            raise used_for_another(key, first)
        if first == job_id:
            self._jobs[job_id] = _Job(asked)
            self._write(job_id, event)
        return first

    def _taking(self, service: str) -> list[Worker]:
        return [one for one in self.living() if one.service == service and one.takes_work]

    def _take_back(self, job_id: JobId, work_id: WorkId, now: float) -> bool:
        work = self._jobs[job_id].works[work_id]
        exhausted = work.attempt >= MAX_ATTEMPTS
        was_running = work.status == "running"
        work.fence += 1
        work.rings += 1
        work.progress = None
        work.status = "ended" if exhausted else "queued"
        work.queued_at = now if was_running else work.queued_at
        work.due = now + patience_s(1 if was_running else work.rings)
        if was_running or exhausted:
            held_s = max(0.0, now - work.claimed_at)
            self._write(job_id, lost_or_given_up(work_id, work.attempt, held_s))
        return not exhausted

    def _held(self, hold: Hold) -> _Job:
        job = self._jobs[hold.job_id]
        if job.fence != hold.fence:
            raise LeaseLost(f"job {hold.job_id} was taken over by another planner")
        return job

    def _claimed(self, claim: Claim) -> _Work:
        work = self._jobs[claim.job_id].works[claim.work_id]
        if work.fence != claim.fence:
            raise lost(claim)
        return work

    def _write(self, job_id: JobId, event: Event) -> None:
        entries = self._jobs[job_id].entries
        entries.append(Entry(f"{len(entries) + 1}-0", self._clock(), event))
