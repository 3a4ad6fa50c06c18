"""Scores are kept, so that the same model is not asked the same questions twice."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from huggingface_hub.constants import HF_HUB_CACHE
from pydantic import ValidationError

from services.evaluator.exam import Exam
from services.evaluator.judge import INSTRUCTIONS
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
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def version_of(model: str) -> str | None:
    """Return a hash of all files in a model's folder, or the commit of a hub id; None if unknown.

    Files of a folder are read again when their size or time of change says so.
    """
    folder = Path(model)
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.is_file())
        stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        return _hash_of(tuple(stats))
    ref = Path(HF_HUB_CACHE) / f"models--{model.replace('/', '--')}" / "refs" / "main"
    return ref.read_text().strip() if ref.is_file() else None


@lru_cache(maxsize=256)
def _hash_of(files: tuple[tuple[str, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for name, _, _ in files:
        path = Path(name)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name} {found}\n".encode())
    return whole.hexdigest()
