"""Spreads requests over time."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Lets requests go evenly spaced, so that in no minute there are more than so many."""

    def __init__(
        self,
        per_minute: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take ``per_minute``, None for no limit, and for tests what tells and passes seconds."""
        self._gap_s = 0.0 if per_minute is None else 60.0 / per_minute
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        now = self._clock()
        turn = max(now, self._next)
        self._next = turn + self._gap_s
        if turn > now:
            await self._sleep(turn - now)
