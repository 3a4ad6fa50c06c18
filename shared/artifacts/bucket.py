"""Objects at a URL of any kind that fsspec knows: a folder, NFS, or a bucket that speaks S3.

Endpoint and keys of S3 come from where all its tools look: ``AWS_ENDPOINT_URL``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, or a profile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from shared.errors import Rejected, Unavailable

CONNECT_S, SILENT_S = 5, 20
"""Seconds a server of a bucket may take to answer the door, and may then be silent."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "file": {"auto_mkdir": True},
    "s3": {
        "use_listings_cache": False,  # others publish too
        "skip_instance_cache": True,
        "config_kwargs": {
            "connect_timeout": CONNECT_S,
            "read_timeout": SILENT_S,
            "retries": {"max_attempts": 2},
        },
    },
}


class Bucket:
    """Objects below one URL, by their keys. Safe to use from several threads.

    Every method raises:
        Unavailable: it does not answer, or refuses.
    """

    def __init__(self, url: str) -> None:
        """Take the URL; nothing is asked for yet.

        Raises:
            Rejected: it is none that an installed library reads.
        """
        self.url = url.rstrip("/")
        scheme, _, place = self.url.partition("://")
        try:
            if not place:
                raise ValueError("it has no scheme such as s3://")
            self._files, self._root = fsspec.url_to_fs(self.url, **_OPTIONS.get(scheme, {}))
        except (ValueError, ImportError) as error:
            raise Rejected(
                f"TREX_ARTIFACTS_URL: wanted a URL such as s3://bucket/prefix or file:///mnt/nfs, "
                f"found {self.url!r} ({error}); correct it, or install what reads it"
            ) from None

    def check(self) -> None:
        """Return if objects can be listed there."""
        self.sizes("nothing")

    def upload(self, file: Path, key: str) -> None:
        """Copy a file to an object."""
        with self._reaching(key):
            self._files.put_file(str(file), self._path(key))

    def download(self, key: str, file: Path) -> None:
        """Copy an object to a file.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with self._reaching(key, may_lack=True):
            self._files.get_file(self._path(key), str(file))

    def read(self, key: str) -> bytes:
        """Return a small object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with self._reaching(key, may_lack=True):
            found: bytes = self._files.cat_file(self._path(key))
        return found

    def write(self, key: str, content: bytes) -> None:
        """Write a small object."""
        with self._reaching(key):
            self._files.pipe_file(self._path(key), content)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the keys of all objects below a folder, with their sizes in bytes; "" is all."""
        with self._reaching(folder):
            found = self._files.find(self._path(folder).rstrip("/"), detail=True)
        return {name[len(self._root) + 1 :]: int(file["size"]) for name, file in found.items()}

    def remove(self, keys: list[str]) -> None:
        """Remove objects; those that are gone are no fault."""
        with self._reaching(keys[0] if keys else ""):
            for key in keys:
                try:
                    self._files.rm_file(self._path(key))
                except FileNotFoundError:
                    continue

    def remove_folders(self, folder: str) -> None:
        """Remove the empty folders that are left where objects are files."""
        if "file" in self._files.protocol and self._files.isdir(self._path(folder)):
            self._files.rm(self._path(folder), recursive=True)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _reaching(self, key: str, *, may_lack: bool = False) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if isinstance(error, FileNotFoundError) and may_lack:
                raise
            if not isinstance(error, (OSError, *_errors_of(self._files.protocol))):
                raise
            raise Unavailable(
                f"{self.url}/{key}: wanted to reach it, found: {_said(error)}; see that the store "
                "is up, and that AWS_* and TREX_ARTIFACTS_URL are right"
            ) from error


def _errors_of(protocol: str | tuple[str, ...]) -> tuple[type[Exception], ...]:
    """Return what goes wrong on the way to a bucket, beside errors of the system."""
    if "s3" not in protocol:
        return ()
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
