"""The store in Redis: ledgers are streams, pieces of work are hashes, all writes are scripts.

Every write that must not happen twice or out of turn is one Lua script (``shared/lua``), because
redis-py sends a command again after a timeout. All keys of a job share the hash tag ``{job}``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import Any, cast

import redis
from pydantic import ValidationError
from redis.commands.core import Script
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from shared.contracts.base import JobId, WorkId, digest
from shared.contracts.choice import Choice
from shared.contracts.events import (
    EVENT,
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
from shared.contracts.work import REQUEST, SERVICES, Request, Result, Service, recorded
from shared.contracts.worker import Worker
from shared.errors import LeaseLost, Rejected, StoreRefuses, StoreUnavailable
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

JOBS = "trex:jobs"
ACTIVE = "trex:active"
LIVING = "trex:living"
SAID = "trex:said"
CONTRACTS = "trex:contracts"
KEY_LIFETIME_S = 24 * 3600


def connect(url: str) -> redis.Redis:
    """Return a client for the store. Nothing is sent before the first call.

    Raises:
        Rejected: no server has such an address.
    """
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            health_check_interval=30,
            socket_connect_timeout=5,  # a network that is cut says nothing
            socket_timeout=5,
        )
    except ValueError as error:
        raise Rejected(
            "TREX_QUEUE_URL: wanted an address such as redis://:PASSWORD@HOST:6379/0, found "
            f"another ({error}); correct it"
        ) from None


def scripts(client: redis.Redis) -> dict[str, Script]:
    """Return every script of ``shared/lua`` by its name. Nothing is sent before one is called."""
    return {
        script.name.removesuffix(".lua"): client.register_script(script.read_text())
        for script in (files("shared") / "lua").iterdir()
        if script.name.endswith(".lua")
    }


@contextmanager
def reaching() -> Iterator[None]:
    """Raise what goes wrong on the way to the server as `StoreUnavailable`."""
    try:
        yield
    except AuthenticationError as error:
        raise StoreRefuses(
            f"Redis refuses the user or the password of TREX_QUEUE_URL ({_why(error)}); correct it"
        ) from error
    except NoPermissionError as error:
        raise StoreRefuses(
            f"Redis refuses the user of TREX_QUEUE_URL a right ({_why(error)}); correct its ACL"
        ) from error
    except RedisError as error:
        raise StoreUnavailable(
            f"Redis does not answer: {_why(error)}; start it, or correct TREX_QUEUE_URL"
        ) from error


class RedisStore:
    """`shared.store.JobStore` and `shared.store.WorkStore` over one Redis-compatible server."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = scripts(client)

    # What the planner does

    def create(self, job_id: JobId, spec: JobSpec, *, idempotency_key: str | None) -> JobId:
        """See `shared.store.JobStore.create`."""
        return self._begin(JobSubmitted(job_id=job_id, spec=spec), digest(spec), idempotency_key)

    def draft(self, job_id: JobId, draft: JobDraft, *, idempotency_key: str | None) -> JobId:
        """See `shared.store.JobStore.draft`."""
        return self._begin(JobDrafted(job_id=job_id, draft=draft), digest(draft), idempotency_key)

    def approve(self, job_id: JobId, spec: JobSpec) -> None:
        """See `shared.store.JobStore.approve`."""
        refuse_without_plan(job_id, self.read(job_id))
        event = JobSubmitted(job_id=job_id, spec=spec)
        keys = [_planner(job_id), _ledger(job_id)]
        approved = self._run("approve", keys, [event.model_dump_json(), digest(spec)])
        if approved != digest(spec):
            raise cannot_approve(job_id, approved=approved is not None)

    def jobs(self) -> list[JobId]:
        """See `shared.store.JobStore.jobs`."""
        with reaching():
            return [JobId(str(job)) for job in self._redis.zrange(JOBS, 0, -1)]

    def active(self) -> list[JobId]:
        """See `shared.store.JobStore.active`."""
        with reaching():
            return [JobId(str(job)) for job in self._redis.zrange(ACTIVE, 0, -1)]

    def read(self, job_id: JobId, *, after: str = BEGINNING) -> list[Entry]:
        """See `shared.store.JobStore.read`."""
        with reaching():
            found = self._redis.xrange(_ledger(job_id), min=f"({after}")
        return [_entry(place, fields) for place, fields in cast(list[Any], found)]

    def wait(self, cursors: Mapping[JobId, str], *, for_s: float) -> None:
        """See `shared.store.JobStore.wait`."""
        streams = {_ledger(job_id): cursor for job_id, cursor in cursors.items()}
        with reaching():
            self._redis.xread(cast(Any, streams), count=1, block=max(1, int(for_s * 1000)))

    def hold(self, job_id: JobId, planner: str, *, lease_s: float) -> Hold | None:
        """See `shared.store.JobStore.hold`."""
        fence = self._run("hold", [_planner(job_id)], [planner, _ms(lease_s)])
        return None if fence is None else Hold(job_id, int(fence))

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
        event = WorkOrdered(work_id=work_id, request=recorded(request), why=why, choice=choice)
        job = hold.job_id
        self._as_planner(
            hold,
            "order",
            [_planner(job), _ledger(job), _work(job, work_id), _open(job)],
            [
                work_id,
                event.model_dump_json(),
                request.model_dump_json(),
                _ms(patience_s(1)),
                SERVICES[request.kind],
            ],
        )

    def cancel_work(self, hold: Hold, work_id: WorkId) -> None:
        """See `shared.store.JobStore.cancel_work`."""
        job = hold.job_id
        cancelled = Failed(error="Cancelled", detail="cancelled before a worker took it")
        event = WorkEnded(work_id=work_id, attempt=1, result=cancelled)
        self._as_planner(
            hold,
            "cancel_work",
            [_planner(job), _work(job, work_id), _open(job), _ledger(job)],
            [work_id, event.model_dump_json()],
        )

    def request_cancel(self, job_id: JobId) -> bool:
        """See `shared.store.JobStore.request_cancel`."""
        event = CancelRequested()
        keys = [_planner(job_id), _ledger(job_id)]
        return bool(self._run("request_cancel", keys, [event.model_dump_json()]))

    def end(self, hold: Hold, event: JobEnded) -> None:
        """See `shared.store.JobStore.end`."""
        job = hold.job_id
        keys = [_planner(job), _ledger(job), ACTIVE]
        self._as_planner(hold, "end_job", keys, [job, event.model_dump_json()])

    def reap(self, hold: Hold) -> Sequence[WorkId]:
        """See `shared.store.JobStore.reap`."""
        now = int(self.now() * 1000)
        with reaching():
            due = self._redis.zrangebyscore(_open(hold.job_id), "-inf", now)
        works = [WorkId(str(work)) for work in due]
        return [work for work in works if self._take_back(hold, work, now)]

    def request_of(self, job_id: JobId, work_id: WorkId) -> Request | None:
        """See `shared.store.JobStore.request_of`."""
        with reaching():
            found = self._redis.hget(_work(job_id, work_id), "request")
        return None if found is None else REQUEST.validate_json(found)

    def progress(self, job_id: JobId) -> dict[WorkId, Progress]:
        """See `shared.store.JobStore.progress`."""
        with reaching():
            held = [WorkId(str(work)) for work in self._redis.zrange(_open(job_id), 0, -1)]
            said = {work: self._redis.hget(_work(job_id, work), "progress") for work in held}
        return {work: Progress.model_validate_json(text) for work, text in said.items() if text}

    def backlog(self) -> Mapping[Service, Backlog]:
        """See `shared.store.JobStore.backlog`."""
        active, now = self.active(), self.now() * 1000
        with reaching(), self._redis.pipeline(transaction=False) as asking:
            for job_id in active:
                asking.zrange(_open(job_id), 0, -1)
            works = list(zip(active, asking.execute(), strict=True))
            for job_id, opened in works:
                for work_id in opened:
                    asking.hmget(_work(job_id, work_id), ["service", "status", "queued_at"])
            found = asking.execute()
        asked = [record for record in found if record[0]]  # one of an older version does not say
        return backlogs(
            [(name, (now - int(at)) / 1000) for name, status, at in asked if status == "queued"],
            [name for name, status, _ in asked if status == "running"],
        )

    def workers(self, service: str) -> int:
        """See `shared.store.JobStore.workers`."""
        now = self.now()
        with reaching():
            return int(self._redis.zcount(_workers(service), now * 1000, "+inf"))

    def living(self) -> tuple[Worker, ...]:
        """See `shared.store.JobStore.living`."""
        now = self.now()
        with reaching():
            living = self._redis.zrangebyscore(LIVING, now * 1000, "+inf")
        return self._said(sorted(map(str, living)))

    def set_contracts(self, number: int) -> None:
        """See `shared.store.JobStore.set_contracts`."""
        with reaching():
            self._redis.set(CONTRACTS, number)

    def contracts(self) -> int | None:
        """See `shared.store.WorkStore.contracts`."""
        with reaching():
            found = self._redis.get(CONTRACTS)
        return None if found is None else int(found)

    def now(self) -> float:
        """See `shared.store.JobStore.now`."""
        with reaching():
            seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6

    def ping(self) -> None:
        """See `shared.store.JobStore.ping`."""
        with reaching():
            self._redis.set("trex:ping", 1)

    # What a worker does

    def claim(self, job_id: JobId, work_id: WorkId, *, lease_s: float) -> Claim | None:
        """See `shared.store.WorkStore.claim`."""
        keys = [_work(job_id, work_id), _open(job_id)]
        answer = self._run("claim", keys, [work_id, _ms(lease_s)])
        if answer is None:
            return None
        fence, attempt, request = answer
        return Claim(job_id, work_id, int(fence), int(attempt), REQUEST.validate_json(request))

    def renew(self, claim: Claim, *, lease_s: float, progress: Progress | None) -> bool:
        """See `shared.store.WorkStore.renew`."""
        job = claim.job_id
        answer = self._run(
            "renew",
            [_work(job, claim.work_id), _open(job)],
            [
                claim.work_id,
                claim.fence,
                _ms(lease_s),
                "" if progress is None else progress.model_dump_json(),
            ],
        )
        if int(answer) < 0:
            raise lost(claim)
        return bool(answer)

    def finish(self, claim: Claim, result: Result) -> None:
        """See `shared.store.WorkStore.finish`."""
        job = claim.job_id
        event = WorkEnded(work_id=claim.work_id, attempt=claim.attempt, result=result)
        keys = [_work(job, claim.work_id), _open(job), _ledger(job)]
        if not self._run("finish", keys, [claim.work_id, claim.fence, event.model_dump_json()]):
            raise lost(claim)

    def release(self, claim: Claim, *, blameless: bool) -> None:
        """See `shared.store.WorkStore.release`."""
        keys = [_work(claim.job_id, claim.work_id), _open(claim.job_id)]
        self._run("release", keys, [claim.work_id, claim.fence, int(blameless)])

    def decline(self, job_id: JobId, work_id: WorkId, *, for_s: float) -> None:
        """See `shared.store.WorkStore.decline`."""
        self._run("decline", [_work(job_id, work_id), _open(job_id)], [work_id, _ms(for_s)])

    def present(self, worker: Worker, *, for_s: float) -> None:
        """See `shared.store.WorkStore.present`."""
        self._run(
            "present",
            [LIVING, SAID, _workers(worker.service)],
            [
                f"{worker.service}/{worker.name}",
                worker.name,
                worker.model_dump_json(),
                _ms(for_s),
                int(worker.takes_work),
            ],
        )

    def _begin(self, event: JobDrafted | JobSubmitted, asked: str, key: str | None) -> JobId:
        """Begin a ledger, once for each key; ``asked`` is the digest of what was handed over."""
        job_id = event.job_id
        first, first_asked = self._run(
            "create",
            [_ledger(job_id), JOBS, ACTIVE, f"trex:key:{key or job_id}"],
            [job_id, event.model_dump_json(), asked, KEY_LIFETIME_S],
        )
        if first_asked != asked:
            raise used_for_another(key, first)
        return JobId(first)

    def _said(self, workers: Iterable[str]) -> tuple[Worker, ...]:
        """Return what workers said, but for those of a version that says it in other words."""
        asked = list(workers)
        if not asked:
            return ()
        with reaching():
            found = cast(list[str | None], self._redis.hmget(SAID, asked))
        said = []
        for text in filter(None, found):
            with suppress(ValidationError):
                said.append(Worker.model_validate_json(text))
        return tuple(said)

    def _take_back(self, hold: Hold, work_id: WorkId, now_ms: int) -> bool:
        """Return whether the work is queued now and wants its doorbell rung."""
        job = hold.job_id
        with reaching():
            status, attempt, fence, rings, claimed_at = self._redis.hmget(
                _work(job, work_id), ["status", "attempt", "fence", "rings", "claimed_at"]
            )
        wait_s = patience_s(int(rings or 1) + 1)
        event: Event | None = None
        exhausted = int(attempt or 0) >= MAX_ATTEMPTS
        if status == "running" or exhausted:
            held_s = max(0.0, (now_ms - int(claimed_at or now_ms)) / 1000)
            event = lost_or_given_up(work_id, int(attempt or 1), held_s)
            wait_s = patience_s(1)
        status_then = "ended" if exhausted else "queued"
        taken = self._as_planner(
            hold,
            "take_back",
            [_planner(job), _work(job, work_id), _open(job), _ledger(job)],
            [
                work_id,
                fence or 0,
                status_then,
                "" if event is None else event.model_dump_json(),
                _ms(wait_s),
            ],
            lost=-1,
        )
        return bool(taken) and status_then == "queued"

    def _as_planner(
        self, hold: Hold, script: str, keys: list[str], arguments: list[Any], *, lost: int = 0
    ) -> Any:
        answer = self._run(script, keys, [hold.fence, *arguments])
        if int(answer) == lost:
            raise LeaseLost(f"job {hold.job_id} was taken over by another planner")
        return answer

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        with reaching():
            return self._scripts[script](keys=keys, args=arguments)


def _why(error: RedisError) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _entry(place: str, fields: dict[str, str]) -> Entry:
    milliseconds = int(place.split("-", maxsplit=1)[0])
    return Entry(place, milliseconds / 1000, EVENT.validate_json(fields["event"]))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _ledger(job_id: JobId) -> str:
    return f"trex:{{{job_id}}}:ledger"


def _planner(job_id: JobId) -> str:
    return f"trex:{{{job_id}}}:planner"


def _work(job_id: JobId, work_id: WorkId) -> str:
    return f"trex:{{{job_id}}}:work:{work_id}"


def _open(job_id: JobId) -> str:
    return f"trex:{{{job_id}}}:open"


def _workers(service: str) -> str:
    return f"trex:workers:{service}"
