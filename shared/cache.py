"""Folders that are made once and kept as long as there is room.

A folder under its name is always whole: it is made elsewhere and renamed into place. Who uses one
holds a shared lock on its manifest, which the system releases when the process ends, however it
ends. A worker killed half-way leaves a hidden folder that the next one to make the same removes.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

MANIFEST = "manifest.json"
"""The file that every folder has; its time of change says when the folder was last wanted."""


class Use:
    """Keeps one folder from being evicted until it is let go or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Wait until nobody removes the folder.

        Raises:
            FileNotFoundError: there is no such folder, or no longer.
        """
        self._lock = _lock(folder, fcntl.LOCK_SH)
        os.utime(folder / MANIFEST)

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            os.close(self._lock)


def obtain(folder: Path, fill: Callable[[Path], None]) -> Use:
    """Return a use of a folder, which ``fill`` makes first if it is missing.

    Two processes at once make it once: the second waits. After an error nothing is left.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    while (use := _use(folder)) is None:
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if not folder.exists():
                _make(folder, fill)
    return use


def publish(unpublished: Path, folder: Path) -> None:
    """Move a whole folder to where others find it, unless somebody else was faster."""
    try:
        unpublished.rename(folder)
    except OSError as error:
        # Where locks are not shared somebody may be faster, with the same bytes.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def evict(caches: Iterable[Path], max_bytes: int) -> None:
    """Remove folders, the ones not wanted for longest first, until the rest fits ``max_bytes``.

    A folder that somebody uses stays, even if the rest then does not fit.
    """
    try:
        folders = [file.parent for cache in caches for file in cache.glob(f"[!.]*/{MANIFEST}")]
        folders.sort(key=lambda folder: (folder / MANIFEST).stat().st_mtime_ns)
        sizes = {folder: _size(folder) for folder in folders}
        excess = sum(sizes.values()) - max_bytes
        for folder in folders:
            if excess > 0 and _remove(folder):
                excess -= sizes[folder]
    except FileNotFoundError:
        return  # another worker evicts at this moment


def _use(folder: Path) -> Use | None:
    try:
        return Use(folder)
    except FileNotFoundError:
        return None


def _make(folder: Path, fill: Callable[[Path], None]) -> None:
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        unpublished = Path(scratch) / folder.name
        unpublished.mkdir()
        fill(unpublished)
        publish(unpublished, folder)


def _remove(folder: Path) -> bool:
    """Return whether the folder could be removed: nobody used it."""
    try:
        lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        doomed = folder.rename(folder.parent / f".{folder.name}-{uuid.uuid4().hex}")
        shutil.rmtree(doomed)
    finally:
        os.close(lock)
    return True


def _lock(folder: Path, how: int) -> int:
    """Return the descriptor of the folder's manifest, locked.

    Raises:
        FileNotFoundError: there is no such folder, or it was removed while we waited.
        BlockingIOError: somebody holds it, and ``how`` is not to wait.
    """
    manifest = folder / MANIFEST
    descriptor = os.open(manifest, os.O_RDWR)  # over NFS an exclusive lock needs the right to write
    try:
        fcntl.flock(descriptor, how)
        if not os.path.samestat(os.fstat(descriptor), manifest.stat()):
            raise FileNotFoundError(manifest)  # removed, and made again by somebody else
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*"))
