"""Publishes folders, fetches what others published, and removes what nothing asks for any more.

With no URL in the settings all this costs nothing: whoever is told of a folder opens it. With one,
a folder is published under the path it has below ``TREX_ARTIFACTS_FOLDER``: first its files, last
a manifest of their sizes and hashes. What has no manifest does not exist, so a folder is there
whole or not at all, whenever its host dies. A run's folders lie in one that names the attempt, so
nobody ever publishes over another's.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from shared.artifacts.bucket import Bucket
from shared.artifacts.patience import each, patiently
from shared.cache import MANIFEST, Use, evict, obtain
from shared.contracts.artifact import Manifest, StoredFile
from shared.errors import NoArtifact, TrainingFailed
from shared.settings import ArtifactSettings

SUFFIX = ".manifest.json"
"""What follows a folder's name in the name of its manifest, which lies beside it."""

FETCHED = "fetched"
"""Folder below ``TREX_ARTIFACTS_FOLDER`` for copies of what others published."""

GoOn = Callable[[], None]
"""Raises when nobody wants the work any more."""


def _always() -> None: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A copy on this host of what was published."""

    folder: Path
    use: Use = field(repr=False)
    """Keeps it from being removed."""


class Artifacts:
    """What a host makes, and what it finds of others.

    Where there is a URL every method may raise:
        Unavailable: the store stayed away for `shared.artifacts.patience.PATIENCE_S`.
    """

    def __init__(self, settings: ArtifactSettings) -> None:
        """Take where things lie.

        Raises:
            Rejected: as `Bucket`.
        """
        self.folder = settings.folder.resolve()
        """Of this host."""
        self.bucket = None if settings.url is None else Bucket(settings.url)
        self._fetched = self.folder / FETCHED
        self._room = int(settings.fetched_gib * 2**30)

    def check(self) -> None:
        """Return if others find what is published here.

        Raises:
            Unavailable: the store does not answer; nothing is waited for.
        """
        if self.bucket is not None:
            self.bucket.check()

    def publish(self, folder: Path, *, go_on: GoOn = _always) -> str:
        """Return the name by which every host finds a folder from now on.

        Where there is a URL the folder is moved to the copies of what was published.

        Args:
            folder: below that of the settings; it has not been published before.
            go_on: called now and then.

        Raises:
            TrainingFailed: a link is among the files.
        """
        if self.bucket is None:
            return str(folder)
        key = folder.relative_to(self.folder).as_posix()
        files = _files_of(folder)

        def send(file: Path) -> StoredFile:
            name = file.relative_to(folder).as_posix()
            stored = StoredFile(name=name, size=file.stat().st_size, sha256=_sha256_of(file))
            patiently(partial(self._bucket.upload, file, f"{key}/{name}"), go_on=go_on)
            return stored

        manifest = Manifest(files=tuple(each(send, files)))
        content = manifest.model_dump_json().encode()
        patiently(partial(self._bucket.write, f"{key}{SUFFIX}", content), go_on=go_on)
        obtain(self._copy_of(key).parent, partial(_move, folder, manifest))
        return f"{self._bucket.url}/{key}"

    @contextmanager
    def fetched(self, name: str, *, go_on: GoOn = _always) -> Iterator[str]:
        """Give the path at which a folder lies on this host, for as long as the block lasts.

        Only what was published is fetched, and once; a path and the name of a model on the hub are
        given back as they are.

        Raises:
            NoArtifact: it was not published, is gone, or arrives with other bytes twice.
        """
        if self.key_of(name) is None:
            yield name
            return
        held = self.hold(name, go_on=go_on)
        try:
            yield str(held.folder)
        finally:
            del held
            evict([self._fetched], self._room)

    def hold(self, name: str, *, go_on: GoOn = _always) -> "Held":
        """Return a copy of a published folder, which stays as long as somebody refers to it.

        Raises:
            NoArtifact: as `fetched`.
        """
        key = str(self.key_of(name))
        copy = self._copy_of(key)
        return Held(copy, obtain(copy.parent, partial(self._fill, key=key, go_on=go_on)))

    def read(self, name: str, file: str) -> bytes:
        """Return a small file of a published folder.

        Raises:
            NoArtifact: there is none.
        """
        key = f"{self.key_of(name)}/{file}"
        try:
            return patiently(partial(self._bucket.read, key), go_on=_always)
        except FileNotFoundError:
            raise _missing(f"{name}/{file}") from None

    def published(self, below: Path) -> dict[str, int]:
        """Return the names of folders that were published from below another, whole or in part.

        Args:
            below: a folder in that of the settings.

        Returns:
            Name to size in bytes; empty where there is no URL.
        """
        if self.bucket is None:
            return {}
        top = below.relative_to(self.folder).as_posix()
        return self.stored(top)

    def stored(self, top: str) -> dict[str, int]:
        """Return what `published` does, for a key in place of a folder; "" is all there is."""
        sizes = patiently(partial(self._bucket.sizes, top), go_on=_always)
        found: dict[str, int] = {}
        for key, size in sizes.items():
            place = _published_as(key)
            if place is not None:
                name = f"{self._bucket.url}/{place}"
                found[name] = found.get(name, 0) + size
        return found

    def is_whole(self, name: str) -> bool:
        """Say whether a folder was published to its end."""
        try:
            patiently(partial(self._manifest, str(self.key_of(name))), go_on=_always)
        except NoArtifact:
            return False
        return True

    def discard(self, name: str) -> int:
        """Remove a published folder and return the bytes that this freed.

        From the first moment on it does not exist. What is gone already is no fault.
        """
        key = str(self.key_of(name))
        sizes = patiently(partial(self._bucket.sizes, key), go_on=_always)
        files = [file for file in sizes if file.startswith(f"{key}/")]
        patiently(partial(self._bucket.remove, [f"{key}{SUFFIX}", *files]), go_on=_always)
        patiently(partial(self._bucket.remove_folders, key), go_on=_always)
        return sum(sizes[file] for file in files)

    def key_of(self, name: str) -> str | None:
        """Return where a name leads below the URL of the settings; None for a name of this host.

        Raises:
            NoArtifact: it is a URL, and not below that one.
        """
        if "://" not in name:
            return None
        url = None if self.bucket is None else self.bucket.url
        if url is None or not name.startswith(f"{url}/"):
            raise NoArtifact(
                f"{name}: wanted a name below TREX_ARTIFACTS_URL, which is "
                f"{url or 'not set'} on this host; set it to what the other services have"
            )
        return name.removeprefix(f"{url}/")

    @property
    def _bucket(self) -> Bucket:
        assert self.bucket is not None  # as whoever calls has made sure
        return self.bucket

    def _copy_of(self, key: str) -> Path:
        # Its own name comes last, for people who look at it.
        return self._fetched / key.replace("/", ".") / PurePosixPath(key).name

    def _manifest(self, key: str) -> Manifest:
        name = f"{self._bucket.url}/{key}"
        try:
            return Manifest.model_validate_json(self._bucket.read(f"{key}{SUFFIX}"))
        except FileNotFoundError:
            raise _missing(name) from None
        except ValidationError:  # of which a host died while it wrote, where writing is not atomic
            raise _missing(name) from None

    def _fill(self, folder: Path, *, key: str, go_on: GoOn) -> None:
        manifest = patiently(partial(self._manifest, key), go_on=go_on)
        copy = folder / PurePosixPath(key).name
        copy.mkdir()
        each(partial(self._receive, copy=copy, key=key, go_on=go_on), manifest.files)
        (folder / MANIFEST).write_text(manifest.model_dump_json())

    def _receive(self, file: StoredFile, *, copy: Path, key: str, go_on: GoOn) -> None:
        path, name = copy / file.name, f"{self._bucket.url}/{key}/{file.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            try:
                patiently(partial(self._bucket.download, f"{key}/{file.name}", path), go_on=go_on)
            except FileNotFoundError:
                raise _missing(name) from None
            found = _sha256_of(path)
            if found == file.sha256:
                return
        raise NoArtifact(
            f"{name}: wanted {file.size} bytes of SHA-256 {file.sha256[:12]}… as published, found "
            f"{path.stat().st_size} of {found[:12]}…, twice; the store or the way to it is broken"
        )


def _published_as(key: str) -> str | None:
    """Return the folder that an object is part of: JOB/WORK/ATTEMPT/FOLDER; None for none."""
    parts = key.split("/")
    if len(parts) < 4:
        return None
    return "/".join([*parts[:3], parts[3].removesuffix(SUFFIX)])


def _missing(name: str) -> NoArtifact:
    return NoArtifact(
        f"{name}: wanted what a run published, found nothing whole; it was removed, or its host "
        "died before the end"
    )


def _files_of(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*"))
    for path in found:
        if path.is_symlink():
            raise TrainingFailed(f"{path}: wanted files to publish, found a link; save it again")
    return [path for path in found if path.is_file()]


def _move(folder: Path, manifest: Manifest, copy: Path) -> None:
    folder.rename(copy / folder.name)
    (copy / MANIFEST).write_text(manifest.model_dump_json())


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
