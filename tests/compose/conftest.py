"""A Docker engine."""

import os

import pytest

from tests.support.composing import why_no_engine


@pytest.fixture(scope="session")
def engine() -> None:
    missing = why_no_engine()
    if missing is not None and os.environ.get("TREX_REQUIRE_DOCKER") == "1":
        pytest.fail(f"wanted a Docker engine with Compose v2, found that {missing}")
    if missing is not None:
        pytest.skip(f"wants a Docker engine with Compose v2: {missing}")
