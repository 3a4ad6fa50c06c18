"""Looks at a start whether a folder can be written, so that no run is spent on finding out."""

import os
import tempfile
from pathlib import Path

from shared.errors import Rejected


def refuse_unwritable(folder: Path, variable: str) -> None:
    """Return when files can be made in a folder; it is made itself where there is none.

    Raises:
        Rejected: they cannot; the sentence names the variable that names the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Rejected(
            f"{variable}: wanted to write in {folder} as user {os.getuid()}, found: "
            f"{error.strerror or error}; correct its rights or name another folder"
        ) from None
