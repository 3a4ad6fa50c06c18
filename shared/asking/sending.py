"""Sends a request and waits for the reply, as long as somebody wants it."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

CONNECT_S = 10.0
"""Seconds a connection may take."""

WATCH_S = 0.5
"""Seconds between two looks whether the reply is still wanted."""

MOST_BYTES = 4 * 2**20
"""Of a reply; what is longer is no reply, and could fill the memory."""


@cache
def trusted() -> ssl.SSLContext:
    """Return whom https is believed; read once, because it takes a tenth of a second."""
    return httpx.create_ssl_context()


class NoReply(Exception):
    """Nothing whole came back."""

    def __init__(self, why: str, *, was_sent: bool) -> None:
        super().__init__(why)
        self.was_sent = was_sent
        """Whether the question may have reached the model, and may have to be paid for."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a server sent back."""

    status: int
    body: bytes
    retry_after_s: float | None
    """Seconds it wants to be left alone; None if it does not say."""

    @property
    def text(self) -> str:
        """The body, with signs in place of what is no text."""
        return self.body.decode(errors="replace")


def post(
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str],
    answer_s: float,
    give_up: Callable[[], None],
) -> Received:
    """Return what a server sends back within ``answer_s`` seconds.

    Args:
        url: where to.
        body: sent as JSON.
        headers: sent with it.
        answer_s: seconds for all of it.
        give_up: called before and about every half second; what it raises ends the request.

    Raises:
        NoReply: nothing whole came, or not in time.
    """
    sent = {**headers, "Content-Type": "application/json"}
    return _send("POST", url, json.dumps(body).encode(), sent, answer_s, give_up)


def get(
    url: str, *, headers: Mapping[str, str], answer_s: float, give_up: Callable[[], None]
) -> Received:
    """Return what a server shows within ``answer_s`` seconds; see `post`.

    Raises:
        NoReply: nothing whole came, or not in time.
    """
    return _send("GET", url, b"", headers, answer_s, give_up)


def _send(
    method: str,
    url: str,
    raw: bytes,
    headers: Mapping[str, str],
    answer_s: float,
    give_up: Callable[[], None],
) -> Received:
    give_up()
    request = _received(method, url, raw, headers, answer_s)
    return asyncio.run(_watched(request, answer_s, give_up))


async def _watched(request: Any, answer_s: float, give_up: Callable[[], None]) -> Received:
    task: asyncio.Task[Received] = asyncio.create_task(request)
    deadline = time.monotonic() + answer_s
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=min(WATCH_S, answer_s))
            give_up()
            if time.monotonic() > deadline and not task.done():
                raise NoReply(f"nothing whole within {answer_s:g} seconds", was_sent=True)
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _received(
    method: str, url: str, raw: bytes, headers: Mapping[str, str], answer_s: float
) -> Received:
    timeout = httpx.Timeout(answer_s, connect=CONNECT_S)
    try:
        async with (
            httpx.AsyncClient(timeout=timeout, verify=trusted()) as client,
            client.stream(method, url, content=raw, headers=dict(headers)) as response,
        ):
            got = bytearray()
            async for piece in response.aiter_bytes():
                got += piece
                if len(got) > MOST_BYTES:
                    raise NoReply(f"more than {MOST_BYTES:,} bytes", was_sent=True)
            return Received(response.status_code, bytes(got), retry_after(response.headers))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NoReply(str(error) or type(error).__name__, was_sent=False) from None
    except httpx.HTTPError as error:
        raise NoReply(str(error) or type(error).__name__, was_sent=True) from None


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that a server wants to be left alone, None if it does not say."""
    said = headers.get("Retry-After", "").strip()
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
