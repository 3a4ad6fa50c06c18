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
    return _named() or home / "vault"


def _here(settings: ClientSettings) -> Path | None:
    """Return the vault of the system that is meant, where it is named or the system runs here."""
    return _named() if settings.url is not None else vault_of(settings.home)


def _named() -> Path | None:
    given = EvaluatorSettings()
    return given.vault if "vault" in given.model_fields_set else None


def with_sealed_rows(spec: JobSpec, settings: ClientSettings) -> JobSpec:
    """Return a job whose rows to score on lie in the vault, and of which it knows only the names.

    A system elsewhere has its vault elsewhere: unless ``TREX_EVALUATOR_VAULT`` names it, as in the
    evaluator's container, paths stay what they are.

    Raises:
        Rejected: a file is not there any more, or cannot be sealed.
    """
    vault = _here(settings)
    if vault is None:
        return spec
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
    vault = _here(settings)
    if vault is None or not (vault / PUBLIC_KEY).is_file():
        return None
    return (vault / PUBLIC_KEY).read_text()


def known_scores(settings: ClientSettings, job_id: JobId) -> int | None:
    """Return how many scores of a job the vault here holds; None of a system elsewhere."""
    vault = _here(settings)
    if vault is None or not (vault / "chains" / f"{job_id}.jsonl").is_file():
        return None
    return (vault / "chains" / f"{job_id}.jsonl").read_bytes().count(b"\n")
