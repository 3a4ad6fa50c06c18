"""Checkpoints that were really trained, and their certificates as an evaluator makes them."""

from pathlib import Path

from services.evaluator.certificate import certificate_of
from services.evaluator.scorer import Scorer
from services.executor.pipeline import materialise
from services.executor.trainers.train import train
from shared.contracts.mapping import Mapping
from shared.contracts.method import Adapter, FullTuning, Lora, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress
from shared.contracts.score import Certificate, ScoreRequest
from shared.rows import sha256_of
from tests.support.examples import SCORE_REQUEST, run_request

KINDS: dict[str, Adapter] = {
    "lora": Lora(r=4, lora_alpha=32),
    "rslora": Lora(r=4, lora_alpha=32, use_rslora=True),
    "full": FullTuning(),
}
"""With a scale that moves a nano model far in few steps."""


def train_each(base: Path, rows: Path, mapping: Mapping, home: Path) -> dict[str, Path]:
    """Return a checkpoint of each of `KINDS`, of twenty steps."""
    data = (Load(path=str(rows), sha256=sha256_of(rows)), Map(mapping=mapping))
    method = Sft(
        learning_rate=1e-2,
        num_train_epochs=20 / 15,
        per_device_train_batch_size=8,
        max_length=64,
    )
    for kind, adapter in KINDS.items():
        recipe = Recipe(base_model=str(base), data=data, method=method, adapter=adapter)
        samples = materialise(recipe.data, home / "cache")
        train(run_request(recipe), samples, home / kind, say=lambda _: None)
    return {kind: home / kind for kind in KINDS}


def asked_of(checkpoint: Path | str, base: Path | str) -> ScoreRequest:
    """A request to score what some experiment trained."""
    return SCORE_REQUEST.model_copy(update={"checkpoint": str(checkpoint), "base_model": str(base)})


def certified(
    checkpoint: Path | str, base: Path | str, scorer: Scorer, told: list[Progress] | None = None
) -> Certificate:
    say = (lambda _: None) if told is None else told.append
    found = certificate_of(asked_of(checkpoint, base), scorer, say=say)
    assert found is not None
    return found


def is_the_same_model(shown: Certificate) -> bool:
    """Whether two stacks computed the same in 32 bits; a step of training more would show."""
    return shown.logprob_gap < 1e-4 and shown.answers_equal == 1.0
