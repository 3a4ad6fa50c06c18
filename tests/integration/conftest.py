"""Real small things: a nano base model and rows, made once."""

from pathlib import Path

import pytest

from shared.contracts.job import Mapping
from tests.support.nano import make_base, write_rows


@pytest.fixture(scope="session")
def nano_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "train.jsonl", rows=120)


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return Mapping(prompt="{text}", completion="{answer}")
