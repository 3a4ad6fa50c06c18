from collections.abc import Callable

import pytest
import redis

from shared.errors import StoreUnavailable
from shared.store_redis import RedisStore, connect
from tests.suites.store import Store, StoreSuite
from tests.support.examples import worker


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

    def test_nothing_is_kept_of_workers_that_are_gone(
        self, store: Store, client: redis.Redis, let_pass: Callable[[float], None]
    ) -> None:
        store.present(worker("executor", "one"), for_s=10)
        let_pass(11)

        store.present(worker("executor", "two"), for_s=10)

        assert client.hkeys("trex:said") == client.zrange("trex:living", 0, -1) == ["executor/two"]


def test_a_store_without_a_server_says_so() -> None:
    store = RedisStore(connect("redis://127.0.0.1:1/0?socket_connect_timeout=0.05"))

    with pytest.raises(StoreUnavailable, match="Redis does not answer"):
        store.ping()
