"""The certificate of a checkpoint, as an evaluator makes it."""

from pathlib import Path

from services.evaluator.certificate import certificate_of
from services.evaluator.scorer import Scorer
from shared.contracts.run import Progress
from shared.contracts.score import Certificate, ScoreRequest
from tests.support.examples import SCORE_REQUEST


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
