"""Names for what a model is now, whatever its folder is called."""

import hashlib
from functools import lru_cache
from pathlib import Path

from huggingface_hub.constants import HF_HUB_CACHE


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
