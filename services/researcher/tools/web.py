"""Asks services of the web: seldom, shortly, and each thing once.

Every answer is a file in a folder, so that a folder of recorded answers plays them without network.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_BYTES = 1_000_000
"""Largest answer that is read."""

ANSWER_S = 20.0
"""Seconds an answer may take from its request to its last byte."""

LONGEST_WAIT_S = 10.0
"""Seconds that are waited at most where a service says when to come again."""


class Silent(Exception):
    """A service gave nothing: why, in a sentence. Never leaves `services.researcher.tools`."""


class _Away(Silent):
    """It will give nothing for the next requests either."""


class _Busy(_Away):
    """It takes no request now."""

    def __init__(self, service: "Service", wait_s: float) -> None:
        super().__init__(f"{service.name} takes no more requests now.")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the web that answers GET requests."""

    name: str
    """As people know it."""
    url: str
    gap_s: float
    """Seconds between two requests, as its terms of use want or politeness does."""


class Web:
    """Services of the web behind one folder. One a piece of work: who is away stays so."""

    def __init__(
        self,
        cache: Path,
        *,
        network: bool,
        give_up: Callable[[], None] = lambda: None,
        answer_s: float = ANSWER_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where answers are kept, and whether what is not there may be asked for.

        Args:
            cache: folder; made when something is kept.
            network: whether requests may be sent at all.
            give_up: called before each request; raises when the work is no longer wanted.
            answer_s: seconds an answer may take.
            clock: seconds, by a clock that is never set back.
            sleep: passes seconds.
        """
        self._cache = cache
        self._network = network
        self._give_up = give_up
        self._answer_s = answer_s
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}
        self._away: dict[str, str] = {}

    @property
    def can_answer(self) -> bool:
        """Whether there is a network, or any recorded answer."""
        return self._network or any(self._cache.glob("*.json"))

    def ask(
        self,
        service: Service,
        path: str,
        params: dict[str, str],
        read: Callable[[str], T],
        *,
        headers: dict[str, str] | None = None,
    ) -> T:
        """Return what a service answers, from the folder or else from itself.

        Only what could be read is kept. Headers count neither for the folder nor in what is said,
        for they hold keys.

        Args:
            service: who.
            path: what, below its address.
            params: of the request.
            read: raises ValueError on an answer that is not of the service's form.
            headers: sent beside.

        Raises:
            Silent: there is no answer.
        """
        file = self._cache / f"{_key(service, path, params)}.json"
        played = _played(file)
        if played is not None:
            return _read(service, played, read)
        if not self._network:
            raise Silent(
                f"{service.name} was not asked: the network is off; "
                "TREX_RESEARCHER_NETWORK=true switches it on."
            )
        text = self._fetch(service, path, params, headers or {})
        answer = _read(service, text, read)
        keep(file, {"service": service.name, "path": path, "params": params, "answer": text})
        return answer

    def _fetch(
        self, service: Service, path: str, params: dict[str, str], headers: dict[str, str]
    ) -> str:
        if service.name in self._away:
            raise Silent(self._away[service.name])
        try:
            try:
                return self._once(service, path, params, headers)
            except _Busy as busy:
                self._sleep(busy.wait_s)
                return self._once(service, path, params, headers)
        except _Away as why:
            self._away[service.name] = str(why)
            raise

    def _once(
        self, service: Service, path: str, params: dict[str, str], headers: dict[str, str]
    ) -> str:
        self._turn(service)
        try:
            with httpx.stream(
                "GET",
                f"{service.url}/{quote(path)}",
                params=params,
                headers={"User-Agent": "open-trex", **headers},
                timeout=self._answer_s,
            ) as response:
                _refuse_status(service, response)
                return self._body(service, response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Away(f"{service.name} did not answer ({type(error).__name__}).") from None

    def _turn(self, service: Service) -> None:
        """Wait until the service may be asked again."""
        self._give_up()
        now = self._clock()
        turn = max(now, self._next.get(service.name, now))
        self._next[service.name] = turn + service.gap_s
        if turn > now:
            self._sleep(turn - now)

    def _body(self, service: Service, response: httpx.Response) -> str:
        until = self._clock() + self._answer_s  # httpx counts the seconds between two parts only
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise Silent(f"{service.name} answered with more than {MOST_BYTES:,} bytes.")
            if self._clock() > until:
                raise _Away(f"{service.name} did not end its answer in {self._answer_s:g} s.")
        return body.decode("utf-8", errors="replace")


def _refuse_status(service: Service, response: httpx.Response) -> None:
    match response.status_code:
        case 200:
            return
        case 429 | 503:
            raise _Busy(service, _seconds(response.headers.get("Retry-After", "")))
        case status:
            raise Silent(f"{service.name} answered with status {status}.")


def _seconds(retry_after: str) -> float:
    """Return how long to wait; a date is not waited for, it is mostly far away."""
    said = float(retry_after) if re.fullmatch(r"\d{1,9}", retry_after) else 2.0
    return min(said, LONGEST_WAIT_S)


def _read(service: Service, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError as error:
        # Not pydantic's own words: they quote the answer, which strangers wrote.
        raise Silent(
            f"{service.name} answered in another form than expected ({type(error).__name__})."
        ) from None


def _key(service: Service, path: str, params: dict[str, str]) -> str:
    """Return what names an answer; where the service is does not count."""
    asked = json.dumps([service.name, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def _played(file: Path) -> str | None:
    """Return a recorded answer; None where there is none, or no whole one."""
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return answer if isinstance(answer, str) else None


def keep(file: Path, recorded: Any) -> None:
    """Write JSON into a file, whole or not at all; a full disk is no reason to end a job."""
    fresh = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(recorded, ensure_ascii=False, indent=1), encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        logger.warning("what was found could not be kept in %s: %s", file.parent, error)
