"""In which order training sees the samples of a curriculum."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trl import GRPOTrainer

from services.executor.pipeline import Materialised
from services.executor.sample_files import write_samples
from services.executor.trainers import dpo, kto, sft
from services.executor.trainers.models import load_tokenizer
from services.executor.trainers.train import train
from shared.contracts.mapping import Mapping
from shared.contracts.method import Dpo, FullTuning, Grpo, Kto, Method, Sft
from shared.contracts.operators import Curriculum, Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import Trained
from shared.rows import Sample
from tests.support.examples import run_request

# Of settings and names that TRL and PEFT themselves use.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

ORDER = [3, 1, 7, 2, 9, 4, 12, 5, 11, 6, 10, 8]
TWO_EPOCHS = {
    "learning_rate": 1e-3,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 2,
    "max_length": 64,
}

Fit = Callable[..., Trained]


def samples_for(method: Method, folder: Path) -> Materialised:
    """Twelve samples, each with a number of words of its own."""
    samples = [
        Sample(
            "red " * words,
            "blue",
            rejected="black",
            good=words % 2 == 0 if isinstance(method, Kto) else None,
        )
        for words in ORDER
    ]
    write_samples(folder / "train.parquet", folder / "lineage.parquet", samples)
    return Materialised(train=folder / "train.parquet", held_out=None, rows=())


@pytest.fixture
def fit(nano_base: Path, mapping: Mapping, tmp_path: Path) -> Fit:
    def fit(method: Method, *, in_order: bool = True, **parts: Any) -> Trained:
        load, curriculum = Load(path="unused", sha256="0" * 64), [Curriculum()] * in_order
        recipe = Recipe(
            base_model=str(nano_base),
            data=(load, Map(mapping=mapping), *curriculum),
            method=method,
            adapter=FullTuning(),
        )
        folder = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}" / "checkpoint"
        data = samples_for(method, tmp_path)
        return train(run_request(recipe, **parts), data, folder, say=lambda _: None)

    return fit


@pytest.fixture
def seen(nano_base: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects the samples that are trained on, each by its number of words."""
    found: list[int] = []
    tokenizer = load_tokenizer(str(nano_base))

    def noting(step: Any) -> Any:
        def training_step(self: Any, model: Any, inputs: Any, *others: Any) -> Any:
            if isinstance(inputs, list):  # of prompts, which are still to be answered
                texts = [one["prompt"][0]["content"] for one in inputs]
            else:
                texts = tokenizer.batch_decode(inputs["input_ids"][: self.args.train_batch_size])
            found.extend(text.count("red") for text in texts)
            return step(self, model, inputs, *others)

        return training_step

    trainers: list[Any] = [sft._Trainer, dpo._Trainer, kto._Trainer, GRPOTrainer]
    for trainer in trainers:
        monkeypatch.setattr(trainer, "training_step", noting(trainer.training_step))
    return found


@pytest.mark.parametrize("kind", [Sft, Dpo])
def test_the_first_epoch_keeps_the_order_and_the_second_has_one_of_its_own(
    fit: Fit, seen: list[int], kind: type[Sft | Dpo]
) -> None:
    fit(kind.model_validate(TWO_EPOCHS))

    first, second = seen[:12], seen[12:]
    assert first == ORDER
    assert second != ORDER
    assert sorted(second) == sorted(ORDER)


def test_without_a_curriculum_the_second_epoch_is_the_same_and_the_first_is_not(
    fit: Fit, seen: list[int]
) -> None:
    method = Sft.model_validate(TWO_EPOCHS)

    fit(method)
    fit(method, in_order=False)

    assert seen[24:36] != ORDER
    assert seen[36:] == seen[12:24]


def test_a_run_that_goes_on_within_the_first_epoch_keeps_its_order(
    fit: Fit, seen: list[int]
) -> None:
    method = Sft.model_validate(TWO_EPOCHS)
    fit(method)
    whole = seen.copy()
    seen.clear()

    part = fit(method, step_share=0.25)
    assert part.resume is not None
    assert len(seen) == 6
    fit(method, resume_from=part.resume)

    assert seen == whole
    assert seen[:12] == ORDER


def test_a_share_of_the_samples_is_in_order_too(fit: Fit, seen: list[int]) -> None:
    fit(Sft.model_validate(TWO_EPOCHS), data_share=0.5)

    first = seen[: len(seen) // 2]
    assert 2 <= len(first) < 12
    assert first == [words for words in ORDER if words in first]


def test_kto_has_one_order_for_all_epochs(fit: Fit, seen: list[int]) -> None:
    method = Kto.model_validate(TWO_EPOCHS)

    fit(method)
    fit(method, in_order=False)

    assert seen[:24] == ORDER * 2
    assert seen[24:36] == seen[36:] != ORDER


def test_grpo_has_the_order_of_the_curriculum_in_all_epochs(fit: Fit, seen: list[int]) -> None:
    few = {"per_device_train_batch_size": 4, "num_generations": 2, "max_completion_length": 2}

    fit(Grpo.model_validate(TWO_EPOCHS | few | {"reward": "accuracy"}))

    assert seen[::2] == ORDER * 2
