import asyncio

from shared.asking.pace import Pace


class Clock:
    """Passes no time but what is slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def paced(per_minute: int | None, clock: Clock) -> Pace:
    return Pace(per_minute, clock=clock, sleep=clock.sleep)


async def turns(pace: Pace, count: int) -> None:
    await asyncio.gather(*(pace.turn() for _ in range(count)))


def test_requests_that_come_at_once_go_evenly_spaced() -> None:
    clock = Clock()

    asyncio.run(turns(paced(30, clock), 4))

    assert clock.slept == [2, 4, 6]


def test_who_comes_late_enough_does_not_wait() -> None:
    clock = Clock()
    pace = paced(30, clock)

    for clock.now in (0, 2, 3, 100):
        asyncio.run(pace.turn())

    assert clock.slept == [1]


def test_a_quiet_hour_is_no_leave_to_hurry_afterwards() -> None:
    clock = Clock()
    pace = paced(60, clock)
    clock.now = 3600

    asyncio.run(turns(pace, 3))

    assert clock.slept == [1, 2]


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()

    asyncio.run(turns(paced(None, clock), 9))

    assert clock.slept == []
