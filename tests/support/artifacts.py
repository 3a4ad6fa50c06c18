"""Artifacts of a host in a folder of its own, alone or with others at a URL."""

from pathlib import Path

from shared.artifacts.artifacts import Artifacts
from shared.settings import ArtifactSettings


def artifacts_at(folder: Path, url: str | None = None, *, fetched_gib: float = 1.0) -> Artifacts:
    """Return those of a host, whatever the environment says."""
    return Artifacts(ArtifactSettings(folder=folder, url=url, fetched_gib=fetched_gib))
