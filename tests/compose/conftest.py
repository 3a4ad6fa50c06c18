"""A Docker engine and the images, built once."""

import os
from collections.abc import Iterator

import pytest

from tests.support.composing import Compose, project, why_no_engine


@pytest.fixture(scope="session")
def engine() -> None:
    missing = why_no_engine()
    if missing is not None and os.environ.get("TREX_REQUIRE_DOCKER") == "1":
        pytest.fail(f"wanted a Docker engine with Compose v2, found that {missing}")
    if missing is not None:
        pytest.skip(f"wants a Docker engine with Compose v2: {missing}")


@pytest.fixture(scope="session")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile cpu, its images built; nothing but images is left of it."""
    with project("tests/compose/quick.yml", data=tmp_path_factory.mktemp("data")) as compose:
        compose("--profile", "cpu", "--profile", "demo", "build")
        yield compose


@pytest.fixture(scope="session")
def gpu_compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile gpu likewise, on the processor."""
    data = tmp_path_factory.mktemp("data")
    with project("tests/compose/gpu.yml", data=data, profile="gpu") as compose:
        compose("build")
        yield compose


@pytest.fixture(scope="session")
def bucket_compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Profile cpu as on several hosts, which share a bucket and no folder."""
    data = tmp_path_factory.mktemp("data")
    with project("tests/compose/bucket.yml", data=data) as compose:
        compose("build")
        yield compose
