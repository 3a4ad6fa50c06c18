"""Real training of a few steps in a real child process."""

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file

from services.executor.launchers.local import WarmTrainer
from services.executor.pipeline import materialise
from services.executor.sample_files import write_samples
from services.executor.trainers import sft
from services.executor.trainers import train as training
from shared.contracts.mapping import Mapping
from shared.contracts.method import FullTuning, Lora
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Outcome, RunRequest, Trained
from shared.errors import TrainingFailed
from shared.rows import Sample
from tests.support.examples import run_request

Train = Callable[[Recipe], Outcome]


@pytest.fixture
def train(trainer: WarmTrainer, tmp_path: Path) -> Train:
    def train(recipe: Recipe, limit_s: float = 60.0) -> Outcome:
        request = run_request(recipe, limit_s=limit_s)
        with trainer.start(request, tmp_path / "attempt-1" / "checkpoint", tmp_path) as training:
            outcome = training.wait(60)
        assert outcome is not None
        return outcome

    return train


def test_ten_steps_write_a_checkpoint_with_everything_beside_it(
    train: Train, recipe: Recipe
) -> None:
    outcome = train(recipe)

    assert isinstance(outcome, Trained), outcome
    folder = Path(outcome.checkpoint)
    assert outcome.steps == 10
    assert (folder / "model.safetensors").is_file()
    assert (folder / "tokenizer_config.json").is_file()
    assert Recipe.model_validate(yaml.safe_load((folder / "recipe.yaml").read_text())) == recipe
    assert recipe.base_model in (folder / "README.md").read_text()


def test_the_log_shows_samples_as_they_are_trained_on(
    train: Train, recipe: Recipe, tmp_path: Path
) -> None:
    outcome = train(recipe)

    assert isinstance(outcome, Trained)
    assert (outcome.tokenised.too_long, outcome.tokenised.cut) == (0, 0)
    log = (tmp_path / "attempt-1" / "train.log").read_text()
    assert log.count("\x1b[32m") == 3
    assert re.search(r"red 0.*\x1b\[32mbrown", log, re.DOTALL)


def test_the_curves_fall_and_count_what_was_read(train: Train, recipe: Recipe) -> None:
    outcome = train(recipe)

    assert isinstance(outcome, Trained), outcome
    assert outcome.train_curve[-1].loss < outcome.train_curve[0].loss
    assert outcome.held_out_curve[-1].loss < outcome.held_out_curve[0].loss
    assert outcome.tokens > 0
    assert [(r.operator, r.rows_out) for r in outcome.rows] == [
        ("load", 120),
        ("map", 120),
        ("hold_out", 96),
    ]


def test_the_same_recipe_gives_the_same_losses(
    trainer: WarmTrainer, recipe: Recipe, tmp_path: Path
) -> None:
    curves = []
    for attempt in (1, 2):
        request = run_request(recipe)
        folder = tmp_path / f"attempt-{attempt}" / "checkpoint"
        with trainer.start(request, folder, tmp_path) as training:
            outcome = training.wait(60)
        assert isinstance(outcome, Trained), outcome
        curves.append(outcome.train_curve)

    assert curves[0] == curves[1]


def test_lora_writes_an_adapter_for_its_base(train: Train, recipe: Recipe) -> None:
    outcome = train(recipe.model_copy(update={"adapter": Lora(r=4, lora_alpha=8)}))

    assert isinstance(outcome, Trained), outcome
    folder = Path(outcome.checkpoint)
    adapter = json.loads((folder / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == recipe.base_model
    assert (folder / "adapter_model.safetensors").is_file()


def test_a_learning_rate_that_breaks_the_loss_is_a_divergence(train: Train, recipe: Recipe) -> None:
    wild = recipe.method.model_copy(
        update={"learning_rate": 1e30, "max_grad_norm": 1e30, "warmup_steps": 0.0}
    )

    outcome = train(recipe.model_copy(update={"method": wild}))

    assert isinstance(outcome, Failed)
    assert outcome.error == "Diverged"
    assert "lower learning_rate" in outcome.detail


@pytest.fixture
def endless(recipe: Recipe) -> RunRequest:
    method = recipe.method.model_copy(update={"num_train_epochs": 10_000})
    return run_request(recipe.model_copy(update={"method": method}))


def test_a_killed_training_process_is_reported_with_its_signal(
    trainer: WarmTrainer, endless: RunRequest, tmp_path: Path
) -> None:
    def kill_in_mid_run() -> None:
        with trainer.start(endless, tmp_path / "a" / "checkpoint", tmp_path) as training:
            training.wait(0.2)
            training.process.kill()
            training.wait(60)

    with pytest.raises(TrainingFailed, match="killed by signal 9"):
        kill_in_mid_run()


def test_leaving_the_block_stops_the_training(
    trainer: WarmTrainer, endless: RunRequest, tmp_path: Path
) -> None:
    pids = []

    def leave_in_mid_run() -> None:
        with trainer.start(endless, tmp_path / "a" / "checkpoint", tmp_path) as training:
            training.wait(0.2)
            assert training.process.pid is not None
            pids.append(training.process.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave_in_mid_run()

    assert not psutil.pid_exists(pids[0])


def test_time_that_is_up_still_leaves_a_checkpoint(
    trainer: WarmTrainer, endless: RunRequest, tmp_path: Path
) -> None:
    request = endless.model_copy(update={"limit_s": 0.5})

    with trainer.start(request, tmp_path / "a" / "checkpoint", tmp_path) as training:
        outcome = training.wait(60)

    assert isinstance(outcome, Trained), outcome
    assert outcome.stopped == "time"
    assert Path(outcome.checkpoint).is_dir()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("chat_template.jinja", "wanted a chat template"),
        ("model.safetensors", "wanted a transformers model and its tokenizer"),
        ("tokenizer.json", "wanted a transformers model and its tokenizer"),
    ],
)
def test_a_base_model_that_lacks_something_is_refused_in_a_sentence(
    train: Train, recipe: Recipe, nano_base: Path, tmp_path: Path, missing: str, said: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in nano_base.iterdir():
        if file.name != missing:
            (broken / file.name).write_bytes(file.read_bytes())

    outcome = train(recipe.model_copy(update={"base_model": str(broken)}))

    assert isinstance(outcome, Failed)
    assert said in outcome.detail


def test_a_base_model_that_this_host_has_not_got_is_named(train: Train, recipe: Recipe) -> None:
    outcome = train(recipe.model_copy(update={"base_model": "/models/not-here"}))

    assert isinstance(outcome, Failed)
    assert "wanted a transformers model at /models/not-here on every host" in outcome.detail


def test_data_that_changed_since_the_job_began_is_refused(
    train: Train, recipe: Recipe, mapping: Mapping
) -> None:
    load = recipe.data[0].model_copy(update={"sha256": "0" * 64})

    outcome = train(recipe.model_copy(update={"data": (load, *recipe.data[1:])}))

    assert isinstance(outcome, Failed)
    assert outcome.error == "DataFailed"


@pytest.fixture
def train_part(trainer: WarmTrainer, tmp_path: Path) -> Callable[..., Trained]:
    def train(recipe: Recipe, **parts: Any) -> Trained:
        request = run_request(recipe, **parts)
        folder = tmp_path / f"attempt-{len(list(tmp_path.glob('attempt-*'))) + 1}" / "checkpoint"
        with trainer.start(request, folder, tmp_path) as training:
            outcome = training.wait(60)
        assert isinstance(outcome, Trained)
        return outcome

    return train


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    (file,) = Path(trained.checkpoint).glob("*.safetensors")
    tensors: dict[str, torch.Tensor] = load_file(file)
    return tensors


@pytest.mark.parametrize("adapter", [FullTuning(), Lora(r=4, lora_alpha=8, lora_dropout=0.1)])
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(
    train_part: Callable[..., Trained], recipe: Recipe, adapter: FullTuning | Lora
) -> None:
    """Over an epoch's end, with dropout: order, schedule, optimizer and luck are all taken up."""
    longer = recipe.model_copy(
        update={
            "adapter": adapter,
            "method": recipe.method.model_copy(update={"num_train_epochs": 1.5}),
        }
    )

    whole = train_part(longer)
    first = train_part(longer, step_share=0.8)
    rest = train_part(longer, resume_from=first.resume)

    assert (first.stopped, rest.stopped, whole.resume) == ("rung", "done", None)
    assert first.steps < rest.steps == whole.steps
    assert rest.tokens == whole.tokens
    assert rest.train_curve[-1].loss == pytest.approx(whole.train_curve[-1].loss, abs=1e-5)
    ours, theirs = weights(rest), weights(whole)
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-5


def test_a_part_of_a_run_is_its_beginning_and_not_a_short_run(
    train_part: Callable[..., Trained], recipe: Recipe
) -> None:
    part = train_part(recipe, step_share=0.3)
    whole = train_part(recipe)

    assert part.steps == 3
    shared = {point.step: point.loss for point in whole.train_curve}
    assert [shared[point.step] for point in part.train_curve] == pytest.approx(
        [point.loss for point in part.train_curve]
    )


def test_what_cannot_be_resumed_is_trained_from_the_beginning(
    train_part: Callable[..., Trained], recipe: Recipe, tmp_path: Path
) -> None:
    again = train_part(recipe, resume_from=str(tmp_path / "gone"))

    assert (again.steps, again.stopped) == (10, "done")


def test_a_share_of_the_samples_is_a_whole_schedule_over_fewer_steps(
    train_part: Callable[..., Trained], recipe: Recipe
) -> None:
    epoch = recipe.model_copy(
        update={"method": recipe.method.model_copy(update={"num_train_epochs": 1.0})}
    )

    part = train_part(epoch, data_share=1 / 3)

    assert part.stopped == "done"
    assert part.steps < train_part(epoch).steps / 2


def short_of_memory(most: int) -> Callable[..., Any]:
    """A loss that cannot be computed of more samples at once."""
    compute_loss: Any = sft._Trainer.compute_loss

    def compute(self: Any, model: Any, inputs: Any, **others: Any) -> Any:
        if len(inputs["input_ids"]) > most:
            raise torch.OutOfMemoryError("wanted 2 GiB")
        return compute_loss(self, model, inputs, **others)

    return compute


@pytest.fixture
def train_here(recipe: Recipe, tmp_path: Path) -> Callable[..., Trained]:
    """Training in this process, so that the test can make its memory short."""

    def train(recipe: Recipe, **other_data: Any) -> Trained:
        data = replace(materialise(recipe.data, tmp_path / "data"), **other_data)
        folder = tmp_path / f"checkpoint-{len(list(tmp_path.glob('checkpoint-*')))}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of settings that TRL itself makes
            return training.train(run_request(recipe), data, folder, say=lambda _: None)

    return train


def test_a_batch_that_memory_cannot_hold_is_passed_in_parts_that_make_the_same_step(
    train_here: Callable[..., Trained], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_here(recipe)
    monkeypatch.setattr(sft._Trainer, "compute_loss", short_of_memory(3))

    in_parts = train_here(recipe)

    assert (whole.micro_batch, in_parts.micro_batch) == (8, 2)
    assert in_parts.steps == whole.steps
    losses = [[point.loss for point in one.train_curve] for one in (in_parts, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_sample_that_memory_cannot_hold_fails_the_run(
    train_here: Callable[..., Trained], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft._Trainer, "compute_loss", short_of_memory(0))

    with pytest.raises(TrainingFailed, match=r"for 1 sample at a time, .* \(wanted 2 GiB\); lower"):
        train_here(recipe)


def test_held_out_samples_that_do_not_fit_are_not_measured_on(
    train_here: Callable[..., Trained], recipe: Recipe, tmp_path: Path
) -> None:
    too_long = tmp_path / "too_long.parquet"
    write_samples(too_long, tmp_path / "lineage.parquet", [Sample("red " * 99, "brown")])

    assert train_here(recipe).held_out_curve != ()
    assert train_here(recipe, held_out=too_long).held_out_curve == ()


def test_the_longest_sample_comes_first(
    train_here: Callable[..., Trained],
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["red"] * 200
    words[150] = "red red red red red red red red"
    one_long = tmp_path / "one_long.parquet"
    samples = [Sample(word, "brown") for word in words]
    write_samples(one_long, tmp_path / "lineage.parquet", samples)
    lengths: list[int] = []
    compute_loss: Any = sft._Trainer.compute_loss

    def compute(self: Any, model: Any, inputs: Any, **others: Any) -> Any:
        lengths.append(int(inputs["attention_mask"].sum(dim=1).max()))
        return compute_loss(self, model, inputs, **others)

    monkeypatch.setattr(sft._Trainer, "compute_loss", compute)
    train_here(recipe, train=one_long)

    assert lengths[0] == max(lengths)
    assert lengths.count(lengths[0]) == 1


@pytest.mark.parametrize(("micro", "smaller"), [(8, 4), (12, 6), (9, 3), (7, 1), (1, None)])
def test_a_step_holds_as_many_samples_whatever_fits_at_once(
    micro: int, smaller: int | None
) -> None:
    assert training.smaller_micro_batch(micro) == smaller
