"""Says every few seconds that a worker is alive, how it is and what it does.

What is wrong with its host is said in the worker's log when it begins, and with its presence for as
long as it lasts. Work that the host cannot do is refused before it is claimed.
"""

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shared.answering import Lease
from shared.contracts.base import CONTRACTS
from shared.contracts.capabilities import Capabilities
from shared.contracts.work import Service
from shared.contracts.worker import Doing, Worker
from shared.errors import StoreUnavailable
from shared.healthy import write_health
from shared.settings import QueueSettings
from shared.store import WorkStore
from shared.trouble import clock_trouble, room_trouble, version_trouble

logger = logging.getLogger(__name__)

FREES_ROOM = "discard"
"""Kind of work that is done on a full disk, too."""

STUCK_S = 600.0
"""Seconds after which work that must stop and does not is stuck."""


class Presence:
    """What one worker says of itself."""

    def __init__(
        self,
        service: Service,
        store: WorkStore,
        settings: QueueSettings,
        *,
        can: Callable[[], Capabilities | None],
        folder: Path | None,
        adapters_only: bool = False,
        clock: Callable[[], float] = time.time,
        contracts: int = CONTRACTS,
    ) -> None:
        """Take who it is; nothing is said yet.

        Args:
            service: what it answers for.
            store: where it says so.
            settings: how often, and where its health is written.
            can: says at once what this machine can train; None as long as that is not known.
            folder: where the worker writes; None when it writes nothing.
            adapters_only: whether it scores no model whose weights were all trained.
            clock: of this host, seconds since 1970.
            contracts: the number of this worker's.
        """
        self.doing: Lease | None = None
        """What the worker is at."""
        self._service = service
        self._store = store
        self._settings = settings
        self._can = can
        self._folder = folder
        self._adapters_only = adapters_only
        self._clock = clock
        self._contracts = contracts
        self._since: float | None = None
        self._must_stop_since: float | None = None
        self._said: tuple[str, ...] = ()

    def keep(self, stopping: threading.Event) -> None:
        """Say it until told to stop, whether the store is there or not."""
        while not stopping.is_set():
            self.say()
            stopping.wait(self._settings.heartbeat_s)

    def wait_to_be_wanted(self) -> None:
        """Return once this worker may work for the planner that is there, saying how it is.

        Raises:
            StoreUnavailable: the store is away.
        """
        while self._other_version() is not None:
            self.say()
            time.sleep(self._settings.heartbeat_s)

    def say(self) -> None:
        """Say it once, and note whether this worker is healthy."""
        try:
            worker = self.look()
            self._store.present(worker, for_s=self._settings.gone_s)
        except StoreUnavailable as error:
            self._log((f"cannot say that this worker is alive: {error}",))
            self._write_health(0.0, str(error))
            return
        self._log(worker.trouble)
        stuck = self._stuck()
        self._write_health(0.0 if stuck else self._settings.gone_s, stuck or "alive")

    def look(self) -> Worker:
        """Return how the worker is now.

        Raises:
            StoreUnavailable: the store does not tell its time.
        """
        before = self._clock()
        now = self._store.now()
        ahead_s = (before + self._clock()) / 2 - now
        self._since = self._since or now
        other, full = self._other_version(), self._full()
        host = socket.gethostname()
        return Worker(
            service=self._service,
            name=f"{host}:{os.getpid()}",
            host=host,
            release=_release(),
            contracts=self._contracts,
            since=self._since,
            clock_ahead_s=ahead_s,
            # In words of another version, nobody could read these.
            can=None if other else self._can(),
            adapters_only=self._adapters_only,
            doing=None if other else self._doing(),
            free_gib=self._free_gib(),
            takes_work=not (other or full),
            trouble=tuple(filter(None, (other, clock_trouble(ahead_s), full))),
        )

    def refusal(self, kind: str) -> str | None:
        """Return why this worker does not take work of a kind now; None when it does.

        Raises:
            StoreUnavailable: as `Presence.look`.
        """
        return self._other_version() or (None if kind == FREES_ROOM else self._full())

    def _log(self, trouble: tuple[str, ...]) -> None:
        for sentence in trouble:
            if sentence not in self._said:
                logger.warning("%s", sentence)
        if self._said and not trouble:
            logger.info("all is well again")
        self._said = trouble

    def _doing(self) -> Doing | None:
        lease = self.doing
        if lease is None:
            return None
        claim = lease.claim
        return Doing(job_id=claim.job_id, work_id=claim.work_id, progress=lease.progress)

    def _other_version(self) -> str | None:
        return version_trouble(self._store.contracts(), mine=self._contracts)

    def _full(self) -> str | None:
        return room_trouble(self._free_gib(), self._folder)

    def _free_gib(self) -> float | None:
        if self._folder is None:
            return None
        try:
            return shutil.disk_usage(self._folder).free / 2**30
        except OSError:  # removed, or on a share that is away: there is no room in it
            return 0.0

    def _stuck(self) -> str | None:
        """Say what does not stop though it must, once that has taken too long."""
        lease = self.doing
        if lease is None or not lease.must_stop:
            self._must_stop_since = None
            return None
        now = time.monotonic()
        self._must_stop_since = self._must_stop_since or now
        if now - self._must_stop_since <= STUCK_S:
            return None
        return f"{lease.claim.work_id} was told to stop {STUCK_S:.0f} s ago and goes on"

    def _write_health(self, for_s: float, sentence: str) -> None:
        if self._settings.health is not None:
            write_health(self._settings.health, for_s=for_s, sentence=sentence)


def _release() -> str:
    try:
        return version("open-trex")
    except PackageNotFoundError:
        return "unknown"
