"""What is said of a folder that was published: which files it has, and of which bytes."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeInt

from shared.contracts.base import Contract, Versioned


def _stays_inside(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError("must name a file below the folder")
    return name


class StoredFile(Contract):
    """One file of a published folder."""

    name: Annotated[str, AfterValidator(_stays_inside)]
    """Its path below the folder, with ``/`` between the parts."""

    size: NonNegativeInt
    """In bytes."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of its bytes."""


class Manifest(Versioned):
    """All files of a published folder. Written after them: a folder without one is not there."""

    files: tuple[StoredFile, ...]
    """In the order of their names."""
