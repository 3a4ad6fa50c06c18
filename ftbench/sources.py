"""Where a task's files are: a folder of the user's, else the pinned original, fetched and cached.

Files are only ever read as data. Nothing that comes from a hub is executed.
"""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Rejected, Unavailable


@dataclass(frozen=True, slots=True)
class Remote:
    """One file of the original, at a fixed revision."""

    url: str
    """``https://…`` or ``hf://datasets/OWNER/NAME@REVISION/PATH``."""

    inside: str | None = None
    """Path inside, when the url is an archive."""

    @property
    def page(self) -> str:
        """An address of the same file that a browser opens."""
        return re.sub(
            r"^hf://(datasets/[^/]+/[^@]+)@([^/]+)/(.+)$",
            r"https://huggingface.co/\1/resolve/\2/\3",
            self.url,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Who published a task's data, and what may be done with them."""

    folder: str
    """The task's folder below a data folder."""

    homepage: str
    licence: str
    remotes: Mapping[str, Remote]
    """Path below `folder` to its original; a path may be a folder of an archive."""

    may_train: bool = True
    """False where the authors forbid training on any of it."""


@dataclass(frozen=True, slots=True)
class Files:
    """Finds the files of one task."""

    task: str
    source: Source
    folder: Path | None
    """Where the user keeps the published files of this task, as they come; None for nowhere."""

    def get(self, path: str) -> Path:
        """Return where a file or folder of the task is, after fetching it if need be.

        Raises:
            Rejected: the user's folder lacks it, or it has no address to fetch from.
            Unavailable: it could not be fetched.
        """
        if self.folder is None:
            return self._fetch(path)
        if not (self.folder / path).exists():
            raise Rejected(self._missing(path, f"{self.folder / path} does not exist"))
        return self.folder / path

    def find(self, path: str) -> Path | None:
        """Return where a file is that a task can do without, or None. Never fetches."""
        here = None if self.folder is None else self.folder / path
        return here if here is not None and here.exists() else None

    @property
    def are_local(self) -> bool:
        """Whether the files come from a folder of the user's."""
        return self.folder is not None

    def _fetch(self, path: str) -> Path:
        remote = self.source.remotes.get(path)
        if remote is None:
            raise Rejected(self._missing(path, "it cannot be fetched"))
        import datasets

        # The cache names files by hashes; readers go by a file's ending, so it gets its name back.
        address = hashlib.sha256(remote.url.encode()).hexdigest()[:16]
        named = Path(datasets.config.HF_DATASETS_CACHE) / "ftbench" / address / path
        if not named.exists():
            fetched = self._download(remote, path)
            named.parent.mkdir(parents=True, exist_ok=True)
            link = named.with_name(f"{named.name}.{os.getpid()}")
            link.unlink(missing_ok=True)
            link.symlink_to(fetched.resolve())
            link.replace(named)
        return named

    def _download(self, remote: Remote, path: str) -> Path:
        import aiohttp
        import datasets
        import httpx2

        downloads = datasets.DownloadManager(
            dataset_name=self.task,
            download_config=datasets.DownloadConfig(disable_tqdm=True, max_retries=2),
        )
        damaged = (ValueError, EOFError, zipfile.BadZipFile, zlib.error)
        try:
            if remote.inside is None:
                fetched = Path(downloads.download(remote.url))
            else:
                fetched = Path(downloads.download_and_extract(remote.url)) / remote.inside
        except (OSError, aiohttp.ClientError, httpx2.HTTPError, *damaged) as error:
            why = " ".join(f"{type(error).__name__} {error}".split())[:200]
            raise Unavailable(self._missing(path, f"fetching {remote.url} failed: {why}")) from None
        if not fetched.exists():
            raise Unavailable(self._missing(path, f"{remote.url} does not hold it"))
        return fetched

    def _missing(self, path: str, found: str) -> str:
        remote = self.source.remotes.get(path)
        origin = self.source.homepage if remote is None else remote.page
        inside = "" if remote is None or remote.inside is None else f" ({remote.inside} inside it)"
        return (
            f"{self.task}: wanted {path}, found that {found}; get it from {origin}{inside}, "
            f"licence {self.source.licence}, and put it at DATA_DIR/{self.source.folder}/{path}, "
            "where DATA_DIR is --data-dir or FTBENCH_DATA"
        )


def files_of(task: str, source: Source, data_dir: Path | None) -> Files:
    """Return a task's files: the user's where the data folder has a folder for the task.

    Raises:
        Rejected: there is no such data folder.
    """
    if data_dir is None:
        return Files(task, source, None)
    if not data_dir.is_dir():
        raise Rejected(
            f"wanted a data folder with a folder a task, found none at {data_dir}; check "
            "--data-dir or FTBENCH_DATA, or leave both out to fetch what is needed"
        )
    folder = data_dir / source.folder
    return Files(task, source, folder if folder.is_dir() else None)
