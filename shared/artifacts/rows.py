"""Rows that every host can read: a file in the artifact store, named ``store:SHA256/NAME``.

Whoever submits a job has its training rows put there by the planner, and needs no key of the store.
"""

import hashlib
import tempfile
from functools import lru_cache
from pathlib import Path

from shared.artifacts.artifacts import Artifacts, Held
from shared.contracts.job import StoredRows
from shared.errors import DataFailed, NoArtifact, Rejected
from shared.settings import ArtifactSettings

READ_AT_ONCE = 8
"""Files that a process keeps from being removed while it may still read them."""


def file_of(rows: StoredRows) -> Path:
    """Return where stored rows lie on this host, fetched if need be.

    The settings are read here, for whoever reads rows passes no store down.

    Raises:
        DataFailed: they are not there, or this host has no store.
        Unavailable: the store stays away.
    """
    settings = ArtifactSettings()
    if settings.url is None:
        raise DataFailed(
            f"{rows.name}: wanted rows from the artifact store, found no TREX_ARTIFACTS_URL on "
            "this host; set it to what the other services have"
        )
    try:
        return _held(settings, rows).folder / rows.file
    except NoArtifact as error:
        raise DataFailed(str(error)) from None


class Shelf:
    """Where files are put for all hosts to read."""

    def __init__(self, settings: ArtifactSettings) -> None:
        self._settings = settings
        self._artifacts = Artifacts(settings)

    def has(self, rows: StoredRows) -> bool:
        """Say whether rows were put there, whole."""
        return self._artifacts.is_whole(_published_name(self._settings, rows))

    def put(self, rows: StoredRows, file: Path) -> None:
        """Publish a file; it is moved.

        Raises:
            Rejected: it has other bytes than its name says.
        """
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != rows.sha256:
            raise Rejected(
                f"{rows.name}: wanted the bytes that its name says, found those of SHA-256 "
                f"{found[:12]}…; send the file again"
            )
        with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
            settings = self._settings.model_copy(update={"folder": Path(scratch)})
            folder = Path(scratch).resolve() / _key_of(rows)
            folder.mkdir(parents=True)
            file.rename(folder / rows.file)
            Artifacts(settings).publish(folder)


@lru_cache(maxsize=READ_AT_ONCE)
def _held(settings: ArtifactSettings, rows: StoredRows) -> Held:
    return Artifacts(settings).hold(_published_name(settings, rows))


def _published_name(settings: ArtifactSettings, rows: StoredRows) -> str:
    return f"{str(settings.url).rstrip('/')}/{_key_of(rows)}"


def _key_of(rows: StoredRows) -> str:
    return f"rows/{rows.sha256}/{rows.file}"
