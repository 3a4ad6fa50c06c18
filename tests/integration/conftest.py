"""Real small things: a nano base model and rows, made once."""

from pathlib import Path

import pytest

from services.executor.launchers.local import WarmTrainer
from shared.contracts.base import ExperimentId
from shared.contracts.mapping import Mapping, Templates
from shared.contracts.method import FullTuning, Sft
from shared.contracts.operators import HoldOut, Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import RunRequest
from shared.rows import sha256_of
from tests.suites.launcher import Ask
from tests.support.examples import JOB
from tests.support.nano import make_base, make_talking_base, write_rows


@pytest.fixture(scope="session")
def nano_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers a colour with any colour."""
    return make_talking_base(tmp_path_factory.mktemp("talking"))


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "train.jsonl", rows=120)


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return Templates(prompt="{text}", completion="{answer}")


@pytest.fixture(scope="session")
def trainer() -> WarmTrainer:
    trainer = WarmTrainer(grace_s=5)
    trainer.warm_up()
    return trainer


@pytest.fixture
def recipe(nano_base: Path, rows: Path, mapping: Mapping) -> Recipe:
    """Ten steps of full fine-tuning."""
    return Recipe(
        base_model=str(nano_base),
        data=(
            Load(path=str(rows), sha256=sha256_of(rows)),
            Map(mapping=mapping),
            HoldOut(share=0.2, max_samples=24),
        ),
        method=Sft(
            learning_rate=5e-3,
            num_train_epochs=10 / 12,
            per_device_train_batch_size=8,
            max_length=64,
        ),
        adapter=FullTuning(),
    )


@pytest.fixture
def ask(recipe: Recipe) -> Ask:
    """A request for as many passes over the samples; ten steps without a word."""

    def ask(epochs: float = 10 / 12) -> RunRequest:
        method = recipe.method.model_copy(update={"num_train_epochs": epochs})
        changed = recipe.model_copy(update={"method": method})
        return RunRequest(job_id=JOB, experiment=ExperimentId(1), recipe=changed, limit_s=60)

    return ask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the checkpoint of a first attempt goes."""
    return tmp_path / "run-1" / "attempt-1" / "checkpoint"
