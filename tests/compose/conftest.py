"""A Docker engine and the images, built once."""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.support.composing import Compose, why_no_engine
from trex.processes import free_port

WHOSE = ("PLANNER", "RESEARCHER", "EXECUTOR", "EVALUATOR")


@pytest.fixture(scope="session")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """A project of its own, its images built; nothing but images is left of it."""
    missing = why_no_engine()
    if missing is not None and os.environ.get("TREX_REQUIRE_DOCKER") == "1":
        pytest.fail(f"wanted a Docker engine with Compose v2, found that {missing}")
    if missing is not None:
        pytest.skip(f"wants a Docker engine with Compose v2: {missing}")
    data = tmp_path_factory.mktemp("data")
    passwords = {f"REDIS_{who}_PASSWORD": secrets.token_hex(12) for who in WHOSE}
    port = free_port(None, name="the planner")
    project = Compose(
        {
            **os.environ,
            **passwords,
            "COMPOSE_PROJECT_NAME": f"trex-test-{secrets.token_hex(3)}",
            "COMPOSE_PROFILES": "cpu",
            "COMPOSE_ENV_FILES": "/dev/null",
            "TREX_PLANNER_TOKEN": secrets.token_hex(12),
            "PLANNER_ADDRESS": f"127.0.0.1:{port}",
            "DATA_FOLDER": str(data),
            "REVISION": "under-test",
        }
    )
    try:
        project("--profile", "cpu", "--profile", "demo", "build")
        yield project
    finally:
        project("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10")
