"""Scores are kept, so that the same model is not asked the same questions twice."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from services.evaluator.exam import Exam
from services.evaluator.judge import INSTRUCTIONS
from services.evaluator.versions import version_of
from shared.contracts.base import ROOT
from shared.contracts.grader import JudgeGrader
from shared.contracts.score import Score, ScoreRequest

VERSION = 1
"""Raised when the same answers would be scored otherwise than before."""

_ABOUT = {
    "job_id",
    "experiment",
    "checkpoint",
    "base_model",
    "data",
    "data_sha256",
    "shots_data",
}
"""What names a request's parts but does not say what they are; their contents stand in the key."""


@dataclass(frozen=True, slots=True)
class KeptScores:
    """A folder with a file a score, readable by this user alone: faults show right answers."""

    folder: Path

    def find(self, key: str) -> Score | None:
        """Return what was kept under a key; None where there is nothing that can be read."""
        try:
            return Score.model_validate_json(self._file(key).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, key: str, score: Score) -> None:
        """Keep a score; another one of the same key is replaced whole."""
        file = self._file(key)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = file.with_suffix(f".{id(score)}")
        beside.touch(mode=0o600)
        beside.write_text(score.model_dump_json(), encoding="utf-8")
        beside.replace(file)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def key_of(request: ScoreRequest, exam: Exam, engine: str) -> str | None:
    """Return a name for everything that a score depends on, as 64 hexadecimal digits.

    That is the bytes of checkpoint and base model, the questions as they are asked and their right
    answers, how answers are found and judged, what answers, and `VERSION`.

    Returns:
        None for a model of the hub that is not on this machine yet, whose commit nobody knows.
    """
    models = [version_of(request.checkpoint), version_of(request.base_model)]
    if None in models:
        return None
    asked = request.model_dump(mode="json", exclude=_ABOUT)
    questions = [[dict(turn) for turn in one] for one in exam.questions]
    judge = INSTRUCTIONS if isinstance(request.grader, JudgeGrader) else None
    whole = [VERSION, engine, models, asked, exam.sha256, questions, list(exam.expected), judge]
    whole.append(request.experiment == ROOT)  # whose scores have no certificate
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
