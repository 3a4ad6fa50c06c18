"""What tests of several kinds need: a real server on loopback, emptied between tests."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis

from shared.store_redis import connect
from trex.processes import free_port
from trex.server import serving

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile("whenever", deadline=None)
hypothesis.settings.load_profile("whenever")


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("server")
    port = free_port(None, name="the tests' server")
    with serving(folder / "data", port=port, password="secret", log=folder / "server.log") as url:
        yield url


@pytest.fixture
def client(server_url: str) -> Iterator[redis.Redis]:
    with connect(server_url) as client:
        yield client
        client.flushall()
