from collections.abc import Callable

import pytest

from shared.store_memory import MemoryStore
from tests.suites.store import Store, StoreSuite


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, clock: Clock) -> Store:
        return MemoryStore(clock)  # type: ignore[return-value]  # structurally both protocols

    @pytest.fixture
    def let_pass(self, clock: Clock) -> Callable[[float], None]:
        def let_pass(seconds: float) -> None:
            clock.now += seconds

        return let_pass
