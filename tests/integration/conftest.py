"""Real small things: a nano base model and rows, made once."""

from pathlib import Path

import pytest

from services.executor.nano import make_nano_base
from services.executor.training import WarmTrainer
from shared.contracts.mapping import Mapping, Templates
from shared.contracts.method import FullTuning, Sft
from shared.contracts.operators import HoldOut, Load, Map
from shared.contracts.recipe import Recipe
from shared.rows import sha256_of
from tests.support.nano import WORDS, make_base, write_rows


@pytest.fixture(scope="session")
def nano_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers a colour with any colour."""
    folder = tmp_path_factory.mktemp("talking")
    text = folder / "text.txt"
    text.write_text("".join(f"{asked}\t{said}\n" for asked in WORDS for said in WORDS) * 5)
    sizes = {"steps": 100, "batch_size": 4, "hidden_size": 32, "layers": 2}
    make_nano_base(text, folder / "base", progress=lambda _: None, **sizes)
    return folder / "base"


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
