"""Runs that end before their last epoch, and which weights they hand back."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from services.evaluator.in_process import TransformersScorer
from services.executor.interruption import ToldToStop, take_over
from services.executor.pipeline import Materialised
from services.executor.sample_files import write_samples
from services.executor.trainers.train import train
from shared.contracts.method import Adapter, FullTuning, Lora
from shared.contracts.operators import Curriculum
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress, Trained
from shared.errors import Diverged
from shared.rows import Sample
from tests.support.certifying import certified, is_the_same_model
from tests.support.examples import run_request
from tests.support.nano import WORDS

# Of settings that TRL itself uses.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

Fit = Callable[..., Trained]


@pytest.fixture
def data(tmp_path: Path) -> Materialised:
    """Samples of which the first third answers as the held-out ones do, and the rest does not.

    In that order the held-out loss falls, then rises, on any machine.
    """
    right, wrong = WORDS[1], WORDS[0]

    def write(name: str, answers: list[str]) -> Path:
        asked = [Sample(WORDS[number % len(WORDS)], said) for number, said in enumerate(answers)]
        write_samples(tmp_path / name, tmp_path / f"lineage-{name}", asked)
        return tmp_path / name

    return Materialised(
        train=write("train.parquet", [right] * 32 + [wrong] * 64),
        held_out=write("held_out.parquet", [right] * 8),
        rows=(),
    )


@pytest.fixture
def fit(data: Materialised, tmp_path: Path) -> Fit:
    def fit(
        recipe: Recipe, attempt: int, say: Any = lambda _: None, *, save: bool = False, **how: Any
    ) -> Trained:
        interrupted, samples = how.pop("interrupted", None), how.pop("samples", data)
        folder = tmp_path / f"attempt-{attempt}" / "checkpoint"
        often = {"save_every_s": 0.0} if save else {}
        request = run_request(recipe, **how)
        return train(request, samples, folder, say=say, interrupted=interrupted, **often)

    return fit


@pytest.fixture
def recipe(recipe: Recipe, base: Path) -> Recipe:
    """Twelve steps, in the order of the samples, that learn one answer to everything at a time."""
    method = recipe.method.model_copy(
        update={
            "num_train_epochs": 1.0,
            "learning_rate": 0.02,
            "lr_scheduler_type": "constant_with_warmup",
            "warmup_steps": 0.0,
        }
    )
    *before, hold_out = recipe.data
    data = (*before, Curriculum(), hold_out)
    return recipe.model_copy(update={"base_model": str(base), "method": method, "data": data})


def wild(recipe: Recipe) -> Recipe:
    """Return a recipe whose learning rate rises until nothing is finite any more."""
    rising = {"learning_rate": 1e30, "warmup_steps": 0.9}
    return recipe.model_copy(update={"method": recipe.method.model_copy(update=rising)})


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    (file,) = Path(trained.checkpoint).glob("*.safetensors")
    tensors: dict[str, torch.Tensor] = load_file(file)
    return tensors


def same_weights(one: Trained, other: Trained) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(
        bool((ours[name] == theirs[name]).all()) for name in ours
    )


def lowest(trained: Trained) -> int:
    """Return the step of the lowest held-out loss, which then rose again."""
    point = min(trained.held_out_curve, key=lambda point: point.loss)
    assert point != trained.held_out_curve[-1]
    return point.step


@pytest.mark.parametrize("adapter", [FullTuning(), Lora(r=4, lora_alpha=8)])
def test_a_patient_run_hands_back_the_weights_of_the_lowest_held_out_loss(
    fit: Fit, recipe: Recipe, adapter: Adapter
) -> None:
    chosen = recipe.model_copy(update={"adapter": adapter})
    last = fit(chosen, 1)
    best = fit(chosen, 2, step_share=lowest(last) / last.steps)

    patient = fit(chosen, 3, patience=10)

    assert (patient.stopped, patient.steps, patient.kept_step) == ("done", 12, lowest(last))
    assert same_weights(patient, best)
    assert not same_weights(patient, last)
    shown = certified(patient.checkpoint, recipe.base_model, TransformersScorer())
    assert is_the_same_model(shown), shown


def test_a_run_stops_when_its_held_out_loss_has_not_fallen_as_often_as_it_has_patience(
    fit: Fit, recipe: Recipe
) -> None:
    whole = fit(recipe, 1)

    stopped = fit(recipe, 2, patience=1)

    after = [point.step for point in whole.held_out_curve if point.step > lowest(whole)]
    assert (stopped.stopped, stopped.kept_step) == ("patience", lowest(whole))
    assert stopped.steps == after[0] < whole.steps


def test_without_patience_the_last_weights_are_handed_back(fit: Fit, recipe: Recipe) -> None:
    trained = fit(recipe, 1)

    assert (trained.stopped, trained.steps, trained.kept_step) == ("done", 12, None)


def test_an_interrupted_run_remembers_the_weights_of_the_lowest_loss(
    fit: Fit, recipe: Recipe, tmp_path: Path
) -> None:
    def leave(progress: Progress) -> None:
        if progress.phase == "training" and progress.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    in_peace = fit(recipe, 1, patience=1)
    with pytest.raises(ToldToStop):
        fit(recipe, 2, leave, patience=1)
    left = take_over(tmp_path, tmp_path / "attempt-3" / "interrupted")

    went_on = fit(recipe, 3, patience=1, interrupted=left)

    assert (went_on.stopped, went_on.kept_step) == ("patience", in_peace.kept_step)
    assert same_weights(went_on, in_peace)


def test_a_run_stops_after_the_step_in_which_its_tokens_are_used_up(
    fit: Fit, recipe: Recipe
) -> None:
    whole = fit(recipe, 1)

    stopped = fit(recipe, 2, limit_tokens=whole.tokens // 2)

    assert stopped.stopped == "tokens"
    assert whole.tokens // 2 <= stopped.tokens < whole.tokens
    assert stopped.steps < whole.steps


def test_a_run_that_diverges_hands_back_the_last_weights_that_were_saved_and_good(
    fit: Fit, recipe: Recipe
) -> None:
    ended = fit(wild(recipe), 1, save=True)

    assert ended.stopped == "diverged"
    assert ended.kept_step is not None
    assert all(bool(torch.isfinite(one).all()) for one in weights(ended).values())


def test_weights_that_were_saved_but_gave_no_finite_loss_are_not_handed_back(
    fit: Fit, recipe: Recipe, data: Materialised
) -> None:
    """Without held-out samples nothing notices before they are saved."""
    unmeasured = replace(data, held_out=None)

    with pytest.raises(Diverged):
        fit(wild(recipe), 1, save=True, samples=unmeasured)


def test_a_run_that_diverges_before_anything_was_saved_has_nothing_to_hand_back(
    fit: Fit, recipe: Recipe
) -> None:
    with pytest.raises(Diverged, match="lower learning_rate"):
        fit(wild(recipe), 1)
