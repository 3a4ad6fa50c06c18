"""A recipe outside of the system: carried out alone, and by a script that knows only TRL."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from services.evaluator.in_process import TransformersScorer
from services.evaluator.scoring import score
from services.executor.exports.folder import export
from services.executor.launchers.local import WarmTrainer
from shared.contracts.base import ROOT
from shared.contracts.job import MetricName
from shared.contracts.mapping import Templates
from shared.contracts.method import Adapter, FullTuning, Lora, Sft
from shared.contracts.operators import Curriculum, HoldOut, Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import Trained
from shared.contracts.score import Score, ScoreRequest
from shared.rows import sha256_of
from tests.support.examples import JOB, run_request
from trex.cli import app

pytestmark = pytest.mark.slow

LOSS_TOLERANCE = 1e-3
"""Relative. The two run the same operations in the same order; more is another training."""


def recipe_of(
    base: Path,
    rows: Path,
    mapping: Templates,
    adapter: Adapter,
    learning_rate: float = 5e-3,
    *,
    in_order: bool = False,
) -> Recipe:
    return Recipe(
        base_model=str(base),
        data=(
            Load(path=str(rows), sha256=sha256_of(rows)),
            Map(mapping=mapping),
            *[Curriculum()] * in_order,
            HoldOut(share=0.2, max_samples=24),
        ),
        method=Sft(
            learning_rate=learning_rate,
            num_train_epochs=8,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=2,
            weight_decay=0.1,
            max_length=64,
        ),
        adapter=adapter,
        seed=3,
    )


def dev_score(checkpoint: Path, base: Path, rows: Path, mapping: Templates) -> Score:
    request = ScoreRequest(
        job_id=JOB,
        experiment=ROOT,  # theirs has no certificate
        checkpoint=str(checkpoint),
        base_model=str(base),
        data=str(rows),
        data_sha256=sha256_of(rows),
        split="dev",
        mapping=mapping,
        metric=MetricName.EXACT_MATCH,
        max_new_tokens=8,
        likelihood=True,
    )
    return score(request, TransformersScorer(), say=lambda _: None)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # of PEFT
@pytest.mark.parametrize(
    ("adapter", "learning_rate", "in_order"),
    [
        (FullTuning(), 1e-2, False),
        (FullTuning(), 1e-2, True),
        (Lora(r=8, lora_alpha=32, lora_dropout=0.1), 2e-2, False),
    ],
    ids=["full", "curriculum", "lora"],
)
def test_the_script_trains_what_we_train(
    nano_base: Path,
    rows: Path,
    mapping: Templates,
    tmp_path: Path,
    adapter: Adapter,
    learning_rate: float,
    in_order: bool,
) -> None:
    recipe = recipe_of(nano_base, rows, mapping, adapter, learning_rate, in_order=in_order)
    request = run_request(recipe)
    with WarmTrainer(grace_s=5).start(request, tmp_path / "a" / "ours", tmp_path) as training:
        ours = training.wait(60)
    assert isinstance(ours, Trained), ours

    theirs = tmp_path / "theirs"
    export(recipe, "trl", theirs, tmp_path)
    subprocess.run(
        [sys.executable, "train.py"],
        cwd=theirs,
        check=True,
        capture_output=True,
    )

    log = json.loads((theirs / "log" / "trainer_state.json").read_text())["log_history"]
    assert ours.train_curve[-1].loss < 0.99 * ours.train_curve[0].loss
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses == pytest.approx([p.loss for p in ours.train_curve], rel=LOSS_TOLERANCE)
    held_out = [entry["eval_loss"] for entry in log if "eval_loss" in entry]
    assert held_out == pytest.approx([p.loss for p in ours.held_out_curve], rel=LOSS_TOLERANCE)
    scores = [
        dev_score(folder, nano_base, rows, mapping)
        for folder in (Path(ours.checkpoint), theirs / "checkpoint")
    ]
    assert scores[0].items == scores[1].items
    assert scores[0].likelihood == pytest.approx(scores[1].likelihood, rel=LOSS_TOLERANCE)


def trex(home: Path, *words: str | Path) -> Result:
    return CliRunner(env={"TREX_HOME": str(home)}).invoke(app, [str(word) for word in words])


@pytest.fixture
def recipe_file(nano_base: Path, rows: Path, mapping: Templates, tmp_path: Path) -> Path:
    recipe = recipe_of(nano_base, rows, mapping, FullTuning())
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    return file


def test_a_recipe_is_carried_out_alone_and_what_comes_out_can_be_exported(
    recipe_file: Path, tmp_path: Path
) -> None:
    checkpoint, exported = tmp_path / "out" / "checkpoint", tmp_path / "exported"

    done = trex(tmp_path / "home", "run", recipe_file, "--out", checkpoint)

    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{checkpoint}\n"
    assert "rows: 120 after load, 120 after map, 96 after hold_out\n48 steps, " in done.stderr
    assert yaml.safe_load((checkpoint / "recipe.yaml").read_text()) == yaml.safe_load(
        recipe_file.read_text()
    )
    assert {path.name for path in checkpoint.parent.iterdir()} == {"checkpoint", "checkpoint.log"}

    handed = trex(tmp_path / "home", "export", checkpoint, "--to", "axolotl", "--out", exported)

    assert (handed.exit_code, handed.stdout) == (0, f"{exported}\n")
    assert (exported / "axolotl.yaml").is_file()


def test_a_run_that_fails_is_one_sentence_and_leaves_only_its_log(
    recipe_file: Path, tmp_path: Path
) -> None:
    text = recipe_file.read_text()
    recipe_file.write_text(text.replace("learning_rate: 0.005", "learning_rate: 1.0e+30"))
    (tmp_path / "out").mkdir()

    done = trex(tmp_path / "home", "run", recipe_file, "--out", tmp_path / "out" / "checkpoint")

    assert done.exit_code == 1
    assert "trex: wanted a finite loss, found nan at step" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.log"]


def test_rows_that_changed_since_are_refused(recipe_file: Path, rows: Path, tmp_path: Path) -> None:
    recipe_file.write_text(recipe_file.read_text().replace(sha256_of(rows), "f" * 64))

    done = trex(tmp_path, "export", recipe_file, "--to", "trl", "--out", tmp_path / "exported")

    assert done.exit_code == 1
    assert not (tmp_path / "exported").exists()


def test_a_run_that_is_told_to_stop_leaves_only_its_log(recipe_file: Path, tmp_path: Path) -> None:
    text = recipe_file.read_text()
    recipe_file.write_text(text.replace("num_train_epochs: 8.0", "num_train_epochs: 90000.0"))
    out = tmp_path / "out" / "checkpoint"
    command = [sys.executable, "-m", "trex", "run", str(recipe_file), "--out", str(out)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TREX_HOME": str(tmp_path)}
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("training"))

        process.terminate()

        assert process.wait(30) == 128 + signal.SIGTERM
    assert [path.name for path in out.parent.iterdir()] == ["checkpoint.log"]
