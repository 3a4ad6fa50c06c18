"""Drops samples that hold text of sealed items."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from services.executor.operators.judging import Judge
from shared.errors import DataFailed
from shared.fingerprint import FEWEST, Fingerprint, hashed, tokens
from shared.rows import Sample, sha256_of
from shared.texts import texts_of


def decontaminate(path: Path, sha256: str) -> Judge:
    """Return a judge that drops samples with copies of sealed text, whole or in part.

    Dropped is what has a run of thirteen tokens in common with a longer sealed text, so that any
    copy of 25 tokens is found, and what holds a sealed text of five to twelve tokens from end to
    end. Shorter ones are everywhere and no sign of a leak.

    Raises:
        DataFailed: no such file, one with another SHA-256, or one that holds no fingerprint.
    """
    sealed = _read(path, sha256)
    ngrams, texts = frozenset(sealed.ngrams), frozenset(sealed.texts)
    short = range(FEWEST, sealed.ngram) if texts else range(0)

    def judge(sample: Sample) -> str | None:
        for text in texts_of(sample):
            words = tokens(text)
            if any(run in ngrams for run in _runs(words, sealed.ngram)):
                return "part of a sealed text"
            if any(run in texts for length in short for run in _runs(words, length)):
                return "a sealed text"
        return None

    return judge


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (hashed(words[start : start + length]) for start in range(len(words) - length + 1))


def _read(path: Path, sha256: str) -> Fingerprint:
    found = sha256_of(path)
    if found != sha256:
        raise DataFailed(
            f"{path}: wanted the fingerprint with SHA-256 {sha256[:12]}…, found {found[:12]}…; "
            "restore it or submit a new job"
        )
    try:
        return Fingerprint.model_validate_json(path.read_bytes())
    except ValidationError:
        raise DataFailed(
            f"{path}: wanted a fingerprint, found another file; write one with ftbench fingerprint"
        ) from None
