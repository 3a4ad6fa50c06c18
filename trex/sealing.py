"""Putting a job's rows into the vault of the system on this machine."""

from collections.abc import Iterator
from pathlib import Path

from shared.contracts.base import JobId
from shared.contracts.job import JobSpec, is_sealed
from shared.contracts.score import Split
from shared.data_files import files_of
from shared.errors import DataFailed, Rejected
from shared.settings import ClientSettings, EvaluatorSettings
from shared.vault import PUBLIC_KEY, seal

SCORED: tuple[Split, ...] = ("dev", "confirm", "test")


def vault_of(home: Path) -> Path:
    """Return the vault of a system started here: ``TREX_EVALUATOR_VAULT``, or one in its home."""
    given = EvaluatorSettings()
    return given.vault if "vault" in given.model_fields_set else home / "vault"


def with_sealed_rows(spec: JobSpec, settings: ClientSettings) -> JobSpec:
    """Return a job whose rows to score on lie in the vault, and of which it knows only the names.

    A system elsewhere has its vault elsewhere: there, paths stay what they are.

    Raises:
        Rejected: a file is not there any more, or cannot be sealed.
    """
    if settings.url is not None:
        return spec
    vault = vault_of(settings.home)
    sealed: dict[str, str] = {
        split: _sealed(path, vault, split) for split, path in _lying_about(spec)
    }
    return spec.model_copy(update={"data": spec.data.model_copy(update=sealed)})


def files_to_score_on(spec: JobSpec) -> list[Path]:
    """Return the files, as they lie about, of a job that is not sealed yet."""
    return [
        file.resolve() for _, path in _lying_about(spec) for file in files_of(Path(path)).values()
    ]


def _lying_about(spec: JobSpec) -> Iterator[tuple[Split, str]]:
    files = spec.data.files()
    yield from ((s, files[s]) for s in SCORED if s in files and not is_sealed(files[s]))


def _sealed(path: str, vault: Path, split: Split) -> str:
    try:
        return seal(Path(path), vault, split)
    except DataFailed as error:
        raise Rejected(f"data.{split}: {error}") from None


def known_key(settings: ClientSettings) -> str | None:
    """Return the public key of the vault here; None of a system elsewhere or one never started."""
    file = vault_of(settings.home) / PUBLIC_KEY
    return file.read_text() if settings.url is None and file.is_file() else None


def known_scores(settings: ClientSettings, job_id: JobId) -> int | None:
    """Return how many scores of a job the vault here holds; None of a system elsewhere."""
    record = vault_of(settings.home) / "chains" / f"{job_id}.jsonl"
    here = settings.url is None and record.is_file()
    return record.read_bytes().count(b"\n") if here else None
