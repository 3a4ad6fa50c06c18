"""A nano base model, adapters of it, and a scorer that serves them with vLLM on the CPU."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.evaluator.vllm.pool import Pool
from services.evaluator.vllm.scorer import VllmScorer
from services.evaluator.vllm.server import Served
from shared.contracts.mapping import Mapping, Templates
from tests.support.nano import make_adapter, make_base

PYTHON = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"

OPTIONS = ("--gpu-memory-utilization", "0.1", "--dtype", "float32")
"""So that servers fit beside each other, and compute as precisely as the evaluator's process."""


@pytest.fixture(scope="session")
def nano_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return Templates(prompt="{text}", completion="{answer}")


@pytest.fixture(scope="session")
def adapters(nano_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters that change every answer, each in its own way."""
    return [
        make_adapter(nano_base, tmp_path_factory.mktemp("adapter"), seed=seed) for seed in range(2)
    ]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Room for two servers, as of the evaluator's process: in 32 bits, on the CPU."""
    logs = tmp_path_factory.mktemp("logs")
    with closing(Pool(Served(PYTHON, 64, OPTIONS, logs, devices=(None, None)))) as pool:
        yield pool


@pytest.fixture(scope="module")
def scorer(pool: Pool) -> VllmScorer:
    return VllmScorer(pool)
