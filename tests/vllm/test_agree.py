"""Equal numbers: what vLLM answers is what transformers answers, to hundreds of questions."""

import json
from pathlib import Path

import pytest

from services.evaluator.agree import ENOUGH, main
from services.evaluator.in_process import TransformersScorer
from services.evaluator.scoring import score
from services.evaluator.vllm.scorer import VllmScorer
from services.executor.launchers.local import WarmTrainer
from shared.contracts.base import ExperimentId
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.method import Lora, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import Trained
from shared.contracts.score import ScoreRequest
from shared.rows import sha256_of
from tests.suites.scorer import answers, asked, ignore
from tests.support.examples import JOB, run_request
from tests.support.nano import WORDS, make_talking_base, write_rows
from tests.vllm.conftest import OPTIONS, PYTHON

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of a name that PEFT itself uses
]

QUESTIONS = [
    f"{first} {number} {second}" for number in range(10) for first in WORDS for second in WORDS
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_talking_base(tmp_path_factory.mktemp("talking"))


@pytest.fixture(scope="module")
def trained(base: Path, mapping: Mapping, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that the executor trained, until it knows opposites."""
    folder = tmp_path_factory.mktemp("trained")
    rows = write_rows(folder / "train.jsonl", rows=120)
    recipe = Recipe(
        base_model=str(base),
        data=(Load(path=str(rows), sha256=sha256_of(rows)), Map(mapping=mapping)),
        method=Sft(
            learning_rate=1e-2,
            num_train_epochs=4,
            per_device_train_batch_size=8,
            max_length=64,
        ),
        adapter=Lora(r=8, lora_alpha=16),
    )
    checkpoint = folder / "attempt-1" / "checkpoint"
    trainer = WarmTrainer(grace_s=5)
    with trainer.start(run_request(recipe, limit_s=120.0), checkpoint, folder) as training:
        outcome = training.wait(300)
    assert isinstance(outcome, Trained), outcome
    return Path(outcome.checkpoint)


def test_the_base_model_answers_alike(scorer: VllmScorer, base: Path) -> None:
    ours = answers(scorer, base, QUESTIONS)
    theirs = answers(TransformersScorer(), base, QUESTIONS)

    agree = sum(one == other for one, other in zip(ours, theirs, strict=True))
    assert len(set(ours)) > 1
    assert agree >= ENOUGH * len(QUESTIONS), agree


def test_options_are_chosen_alike(
    scorer: VllmScorer, base: Path, trained: Path, mapping: Mapping, tmp_path: Path
) -> None:
    request = ScoreRequest(
        job_id=JOB,
        experiment=ExperimentId(0),  # so that nothing of its training is asked for
        checkpoint=str(base),
        base_model=str(base),
        data=str(write_rows(tmp_path / "dev.jsonl", rows=60)),
        data_sha256=None,
        split="dev",
        mapping=mapping,
        metric=MetricName.EXACT_MATCH,
        options=tuple(WORDS),
        max_new_tokens=8,
    )

    for number, checkpoint in enumerate((base, trained)):
        changed = {"experiment": number, "checkpoint": str(checkpoint)}
        asked_for = request.model_copy(update=changed)
        ours, theirs = (score(asked_for, one, say=ignore) for one in (scorer, TransformersScorer()))
        assert ours.items == theirs.items
        assert ours.faults == theirs.faults


def test_a_trained_adapter_answers_alike_and_the_command_says_so(
    base: Path,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TREX_EVALUATOR_VLLM_PYTHON", str(PYTHON))
    monkeypatch.setenv("TREX_EVALUATOR_VLLM_OPTIONS", " ".join(OPTIONS))
    monkeypatch.setenv("TREX_EVALUATOR_LOGS", str(tmp_path))
    questions = tmp_path / "questions.jsonl"
    lines = [json.dumps({"messages": messages}) + "\n" for messages in asked(QUESTIONS)]
    questions.write_text("".join(lines))

    status = main([str(trained), str(questions), "--max-new-tokens", "8"])

    said = capsys.readouterr().out
    assert status == 0, said
    assert f"of {len(QUESTIONS)} answers agree" in said
