"""Answering a doorbell: claim the work, do it under a renewed lease, record how it ended."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Self

from shared.contracts.base import JobId, WorkId
from shared.contracts.run import Failed, Progress
from shared.contracts.work import Result
from shared.errors import Interrupted, LeaseLost, RunFailed, StoreUnavailable
from shared.store import Claim, WorkStore
from shared.telemetry.telling import claimed, recording

logger = logging.getLogger(__name__)


class GivenUp(Interrupted):
    """The work must stop now: cancelled, handed back, or taken away. Raised by `Lease.check`."""


class Lease:
    """Holds a claim while a block runs, renewing it from a thread of its own.

    The thread is the one that watches the work, not the work itself, so that a busy interpreter or
    a long forward pass does not lose the lease.
    """

    def __init__(
        self,
        store: WorkStore,
        claim: Claim,
        *,
        heartbeat_s: float,
        lease_s: float,
        handed_back: threading.Event,
    ) -> None:
        self.claim = claim
        self.cancelled = False
        """The user, or the budget, wants this work to stop."""
        self.handed_back = handed_back
        """Set when the worker is shutting down."""
        self._store = store
        self._heartbeat_s = heartbeat_s
        self._lease_s = lease_s
        self.progress: Progress | None = None
        """Where the work stands, as it said last."""
        self._news: Progress | None = None
        self._taken_away = False
        self._asking_since: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=claim.work_id, daemon=True)

    def say(self, progress: Progress) -> None:
        """Note where the work stands; sent with the next renewal."""
        self.progress = self._news = progress

    @property
    def lost(self) -> bool:
        """Whether the work is somebody else's by now, or the store has been away for too long.

        Where a network is cut without a word a renewal hangs for as long as its socket has
        patience; after half a lease of that the work stops, so that it has when the lease is over.
        """
        since = self._asking_since
        hangs = since is not None and time.monotonic() - since > self._lease_s / 2
        return self._taken_away or hangs

    @property
    def must_stop(self) -> bool:
        """Whether the work shall stop at the next opportunity."""
        return self.cancelled or self.lost or self.handed_back.is_set()

    def check(self) -> None:
        """Return while the work may go on.

        Raises:
            GivenUp: it may not.
        """
        if self.must_stop:
            raise GivenUp

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(self._heartbeat_s):
            progress, self._news = self._news, None
            try:
                self._asking_since = time.monotonic()
                cancelled = self._store.renew(self.claim, lease_s=self._lease_s, progress=progress)
                self._asking_since = None
                self.cancelled = self.cancelled or cancelled
                renewed = time.monotonic()
            except StoreUnavailable as error:
                self._asking_since = None
                logger.warning("cannot renew %s: %s", self.claim.work_id, error)
                if time.monotonic() - renewed > 3 * self._heartbeat_s:
                    self._taken_away = True
                    return
            except LeaseLost:
                self._taken_away = True
                return


def answer(
    job_id: JobId,
    work_id: WorkId,
    *,
    store: WorkStore,
    perform: Callable[[Lease], Result],
    heartbeat_s: float,
    lease_s: float,
    handed_back: threading.Event,
    refusal: Callable[[], str | None] = lambda: None,
    carrier: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Claim a piece of work, do it, and record how it ended.

    The message that named it may come twice, late, or for work in good hands; then nothing happens.
    What this worker cannot do, as ``refusal`` says, is left to others.
    What fails as an experiment is recorded as `Failed`. Anything else is a bug: the work is given
    back for another attempt and the error propagates. The story goes on that ``carrier`` brought.
    """
    refused = refusal()
    if refused is not None:
        logger.info("%s of %s is left to others: %s", work_id, job_id, refused)
        store.decline(job_id, work_id, for_s=heartbeat_s)
        return
    rang_ns = time.time_ns()
    claim = store.claim(job_id, work_id, lease_s=lease_s)
    if claim is None:
        logger.info("%s of %s is held by another worker, or over", work_id, job_id)
        return
    lease = Lease(store, claim, heartbeat_s=heartbeat_s, lease_s=lease_s, handed_back=handed_back)
    with claimed(claim, carrier, rang_ns=rang_ns):
        logger.info("%s of %s: attempt %d", work_id, job_id, claim.attempt)
        result = _result(lease, store, perform)
        if result is not None:
            with recording(result):
                _finish(store, claim, result, heartbeat_s=heartbeat_s, patience_s=lease_s)


def _result(lease: Lease, store: WorkStore, perform: Callable[[Lease], Result]) -> Result | None:
    """Do the work and return how it ended, None if it is given back."""
    claim = lease.claim
    job_id, work_id = claim.job_id, claim.work_id
    try:
        with lease:
            return perform(lease)
    except RunFailed as failure:
        logger.warning("%s of %s failed: %s", work_id, job_id, failure)
        return Failed(error=type(failure).__name__, detail=str(failure))
    except GivenUp:
        if not lease.cancelled:
            _give_back(store, claim)
            return None
        return Failed(error="Cancelled", detail="cancelled while a worker had it")
    except Exception:
        store.release(claim, blameless=False)
        raise


def _give_back(store: WorkStore, claim: Claim) -> None:
    try:
        store.release(claim, blameless=True)
    except StoreUnavailable as error:  # which may be why it is given back
        logger.warning("%s is taken back when its lease is over: %s", claim.work_id, error)
    else:
        logger.warning("%s of %s is given back", claim.work_id, claim.job_id)


def _finish(
    store: WorkStore, claim: Claim, result: Result, *, heartbeat_s: float, patience_s: float
) -> None:
    """Record the answer, trying for a whole lease while the store is away: it may have cost hours.

    Raises:
        StoreUnavailable: it stayed away.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            store.finish(claim, result)
            return
        except LeaseLost as lost:
            logger.warning("the answer is dropped: %s", lost)
            return
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise
            logger.warning("cannot record %s yet: %s", claim.work_id, error)
            time.sleep(heartbeat_s)
