from collections.abc import Callable

import pytest
import redis

from shared.errors import StoreUnavailable
from shared.store_redis import RedisStore, connect
from tests.suites.store import Store, StoreSuite


class TestRedisStore(StoreSuite):
    @pytest.fixture
    def store(self, client: redis.Redis) -> Store:
        return RedisStore(client)  # type: ignore[return-value]  # structurally both protocols

    @pytest.fixture
    def let_pass(self, client: redis.Redis) -> Callable[[float], None]:
        # The server's clock cannot be moved, so every deadline is moved towards it instead.
        def let_pass(seconds: float) -> None:
            milliseconds = int(seconds * 1000)
            for key in client.scan_iter("*:planner"):
                if client.hexists(key, "held_until"):
                    client.hincrby(key, "held_until", -milliseconds)
            for key in client.scan_iter("*:work:*"):
                for moment in ("claimed_at", "queued_at"):
                    if client.hexists(key, moment):
                        client.hincrby(key, moment, -milliseconds)
            for key in ("*:open", "trex:workers:*", "trex:living"):
                for found in client.scan_iter(key):
                    for member in client.zrange(found, 0, -1):
                        client.zincrby(found, -milliseconds, str(member))

        return let_pass


def test_a_store_without_a_server_says_so() -> None:
    store = RedisStore(connect("redis://127.0.0.1:1/0?socket_connect_timeout=0.05"))

    with pytest.raises(StoreUnavailable, match="Redis does not answer"):
        store.ping()
