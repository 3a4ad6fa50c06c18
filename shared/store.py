"""The record of every job and of the work inside it: what all services write to and read from.

A Celery message is only a doorbell; this record is the truth. Two implementations pass one suite
(`tests/suites/store.py`): `shared.store_redis.RedisStore` for the running system and
`shared.store_memory.MemoryStore` for tests and simulations.

What both promise:

* The ledger of a job only grows, and readers see its entries in one order.
* Work is ordered once: ordering the same `WorkId` again changes nothing.
* Work is held by at most one worker. Whoever takes it away raises its fence, and a write that shows
  an older fence is refused with `LeaseLost`.
* Work ends once. Its `WorkEnded` entry appears in the ledger in the same step.
* One planner holds a job at a time; orders from a planner that lost it are refused.
* Times are the server's, never a worker's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

from shared.contracts.base import JobId, WorkId
from shared.contracts.choice import Choice
from shared.contracts.events import Event, JobDrafted, JobEnded, WorkEnded, WorkLost
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft, Plan
from shared.contracts.run import Failed, Progress
from shared.contracts.work import Request, Result, Service
from shared.contracts.worker import Worker
from shared.errors import LeaseLost, Rejected

MAX_ATTEMPTS = 3
"""Workers a piece of work may cost before it ends as failed."""

FIRST_PATIENCE_S = 30.0
"""Seconds ordered work may stay unanswered before its message counts as lost. Doubles each time."""

MAX_PATIENCE_S = 3600.0
"""Longest such wait: work may rightly queue for hours behind busy executors."""

PLAN = WorkId("plan")
"""Names the work that says what a draft leaves open."""

BEGINNING = "0-0"
"""The cursor before a ledger's first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in a ledger."""

    id: str
    """Its place; ids grow in the order of writing."""

    at: float
    """When it was written: seconds since 1970, by the server's clock."""

    event: Event


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a piece of work."""

    job_id: JobId
    work_id: WorkId
    fence: int
    """Grows whenever the work changes hands. A write that shows an older one is refused."""

    attempt: int
    """How many workers have tried, this one included."""

    request: Request


@dataclass(frozen=True, slots=True)
class Hold:
    """A planner's hold on a job."""

    job_id: JobId
    fence: int
    """Grows whenever another planner takes the job over."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a service has been asked for in all active jobs and has not answered."""

    queued: int = 0
    """Pieces of work that wait for a worker."""

    leased: int = 0
    """Pieces of work that a worker holds."""

    oldest_s: float = 0.0
    """Seconds that the work queued for longest has waited since it was ordered or given back."""


class WorkStore(Protocol):
    """What a worker needs: claim, renew, finish."""

    def claim(self, job_id: JobId, work_id: WorkId, *, lease_s: float) -> Claim | None:
        """Take a queued piece of work, or None when it is held, over or unknown."""
        ...

    def renew(self, claim: Claim, *, lease_s: float, progress: Progress | None) -> bool:
        """Keep holding the work, say where it stands, and return whether it shall be given up.

        Raises:
            LeaseLost: the work changed hands.
        """
        ...

    def finish(self, claim: Claim, result: Result) -> None:
        """Record how the work ended. Finishing twice changes nothing.

        Raises:
            LeaseLost: the work changed hands; nothing was recorded.
        """
        ...

    def release(self, claim: Claim, *, blameless: bool) -> None:
        """Give the work back for another worker. A blameless attempt does not count.

        Releasing work that changed hands meanwhile does nothing.
        """
        ...

    def decline(self, job_id: JobId, work_id: WorkId, *, for_s: float) -> None:
        """Leave queued work to another worker; it is rung for again after ``for_s`` seconds.

        Declining work that is held, over or unknown does nothing.
        """
        ...

    def present(self, worker: Worker, *, for_s: float) -> None:
        """Say that a worker is alive for the next ``for_s`` seconds, and how it is."""
        ...

    def contracts(self) -> int | None:
        """Return the number of the planner's contracts; None when no planner has said it."""
        ...

    def now(self) -> float:
        """Return the server's clock: seconds since 1970."""
        ...

    def ping(self) -> None:
        """Return when the store can be read and written.

        Raises:
            StoreUnavailable: it cannot.
        """
        ...


class JobStore(Protocol):
    """What the planner needs: the ledger, orders, and a hold on each job."""

    def create(self, job_id: JobId, spec: JobSpec, *, idempotency_key: str | None) -> JobId:
        """Open a job's ledger and return its id; the earlier id when the key was used before.

        Raises:
            Rejected: the key was used for another spec.
        """
        ...

    def draft(self, job_id: JobId, draft: JobDraft, *, idempotency_key: str | None) -> JobId:
        """Open the ledger of a job that leaves something open, otherwise as `create`.

        Raises:
            Rejected: the key was used for another job or draft.
        """
        ...

    def approve(self, job_id: JobId, spec: JobSpec) -> None:
        """Turn a draft into a job. Approving the same again changes nothing.

        Raises:
            Rejected: it has no plan yet, has ended or is being cancelled, or another job was made
                of it; or it never was a draft.
        """
        ...

    def jobs(self) -> list[JobId]:
        """Return every job, the oldest first."""
        ...

    def active(self) -> list[JobId]:
        """Return the jobs that have not ended, the oldest first."""
        ...

    def read(self, job_id: JobId, *, after: str = BEGINNING) -> list[Entry]:
        """Return a ledger's entries after a cursor; empty for an unknown job."""
        ...

    def wait(self, cursors: Mapping[JobId, str], *, for_s: float) -> None:
        """Return when one of the ledgers has an entry after its cursor, or after ``for_s``."""
        ...

    def hold(self, job_id: JobId, planner: str, *, lease_s: float) -> Hold | None:
        """Take or renew the hold on a job, or None while another planner has it."""
        ...

    def order(
        self,
        hold: Hold,
        work_id: WorkId,
        request: Request,
        *,
        why: str,
        choice: Choice | None = None,
    ) -> None:
        """Queue a piece of work and write that down, in one step, as `recorded` returns it.

        Raises:
            LeaseLost: another planner took the job over.
        """
        ...

    def cancel_work(self, hold: Hold, work_id: WorkId) -> None:
        """End queued work as cancelled; ask the worker that holds it to give it up.

        Raises:
            LeaseLost: another planner took the job over.
        """
        ...

    def request_cancel(self, job_id: JobId) -> bool:
        """Write down that the user wants the job to stop; False when it has ended already."""
        ...

    def end(self, hold: Hold, event: JobEnded) -> None:
        """Write the last entry. Ending twice changes nothing.

        Raises:
            LeaseLost: another planner took the job over.
        """
        ...

    def reap(self, hold: Hold) -> Sequence[WorkId]:
        """Take work back from silent workers and return all that needs its doorbell rung.

        That is work whose lease ran out, and work queued for so long that its message must be lost.
        Work that has cost `MAX_ATTEMPTS` workers ends as failed instead. Ringing once too often
        does no harm: the claim is refused.

        Raises:
            LeaseLost: another planner took the job over.
        """
        ...

    def request_of(self, job_id: JobId, work_id: WorkId) -> Request | None:
        """Return what was ordered; None once it has ended."""
        ...

    def progress(self, job_id: JobId) -> dict[WorkId, Progress]:
        """Return where the work stands that is held now and has said so."""
        ...

    def backlog(self) -> Mapping[Service, Backlog]:
        """Return what each service has to do, those with nothing to do among them."""
        ...

    def set_contracts(self, number: int) -> None:
        """Say which contracts the planner has; see `shared.contracts.base.CONTRACTS`."""
        ...

    def workers(self, service: str) -> int:
        """Return how many workers of a service are alive and take work."""
        ...

    def living(self) -> tuple[Worker, ...]:
        """Return every worker that is alive, by service and name, those that take no work too."""
        ...

    def now(self) -> float:
        """Return the server's clock: seconds since 1970."""
        ...

    def ping(self) -> None:
        """Return when the store can be read and written.

        Raises:
            StoreUnavailable: it cannot.
        """
        ...


def refuse_without_plan(job_id: JobId, entries: Iterable[Entry]) -> None:
    """Return when a ledger holds a plan. It then does for ever.

    Raises:
        Rejected: it does not.
    """
    events = [entry.event for entry in entries]
    if any(isinstance(event, WorkEnded) and isinstance(event.result, Plan) for event in events):
        return
    if not events or not isinstance(events[0], JobDrafted):
        raise Rejected(f"wanted a draft to approve, found none in {job_id}; submit a job instead")
    raise Rejected(f"wanted a plan to approve, {job_id} has none; wait for it, or submit a job")


def used_for_another(idempotency_key: str | None, first: str) -> Rejected:
    """Return the error for a key that comes with something else than it first came with."""
    return Rejected(
        f"idempotency key {idempotency_key!r} was used for another job, {first}; "
        "send a new key with a new job"
    )


def cannot_approve(job_id: JobId, *, approved: bool) -> Rejected:
    """Return the error for a draft that no job can be made of any more."""
    if approved:
        return Rejected(f"{job_id} was approved as another job; submit this one by itself")
    return Rejected(f"{job_id} has ended or is being cancelled; submit the job by itself")


def patience_s(rings: int) -> float:
    """Return how long to wait for an answer after ringing for the ``rings``-th time, in seconds."""
    return min(FIRST_PATIENCE_S * 2.0 ** (rings - 1), MAX_PATIENCE_S)


def lost_or_given_up(work_id: WorkId, attempt: int, held_s: float) -> WorkLost | WorkEnded:
    """Return what to write about work whose worker went silent."""
    if attempt < MAX_ATTEMPTS:
        return WorkLost(work_id=work_id, attempt=attempt, held_s=held_s)
    detail = (
        f"wanted a worker to finish this, {MAX_ATTEMPTS} took it and fell silent; look at the "
        "workers' logs for a crash, for example for want of memory"
    )
    failed = Failed(error="WorkerLost", detail=detail, gpu_seconds=held_s)
    return WorkEnded(work_id=work_id, attempt=attempt, result=failed)


def backlogs(
    queued: Iterable[tuple[Service, float]], leased: Iterable[Service]
) -> Mapping[Service, Backlog]:
    """Sum work up by service: what is queued, each with the seconds it has waited, and is held."""
    waits: dict[Service, list[float]] = {service: [] for service in get_args(Service)}
    for service, waited_s in queued:
        waits[service].append(max(0.0, waited_s))
    held = Counter(leased)
    return {
        service: Backlog(len(waited), held[service], max(waited, default=0.0))
        for service, waited in waits.items()
    }


def lost(claim: Claim) -> LeaseLost:
    """Return the error for a write by a worker that no longer holds the work."""
    return LeaseLost(f"{claim.work_id} of {claim.job_id} left attempt {claim.attempt}")
