"""Removes what runs have left and nothing asks for any more. No torch."""

import shutil
from pathlib import Path

from shared.artifacts.artifacts import Artifacts
from shared.contracts.base import JobId
from shared.contracts.discard import Discarded, DiscardRequest
from shared.errors import NoArtifact

REMOVABLE = ("checkpoint", "resume")
"""Folders of an attempt that may be removed; its log and the job's prepared data stay."""


def make_room(request: DiscardRequest, artifacts: Artifacts) -> Discarded:
    """Remove folders of a job; those that cannot be removed are named in the answer.

    A folder disappears at once, as it appeared: it is renamed, then emptied. What an attempt that
    died half-way has renamed is removed too.

    Args:
        request: which folders.
        artifacts: where every job has a folder of its own; nothing outside the job's is touched.
    """
    freed, left = 0, []
    for name in request.folders:
        try:
            if artifacts.key_of(name) is None:
                freed += _remove(Path(name), artifacts.folder / request.job_id)
            else:
                freed += _remove_published(name, request.job_id, artifacts)
        except OSError as error:
            left.append(f"{name}: wanted to remove it, found: {error.strerror or error}")
        except NoArtifact as error:
            left.append(str(error))
    return Discarded(bytes=freed, left=tuple(left))


def _remove_published(name: str, job_id: JobId, artifacts: Artifacts) -> int:
    """Return the bytes that were freed.

    Raises:
        OSError: the folder is not one that a run of this job published.
    """
    match str(artifacts.key_of(name)).split("/"):
        case [job, _, attempt, kind] if job == job_id and kind in REMOVABLE:
            if attempt.startswith("attempt-"):
                return artifacts.discard(name)
    raise OSError(f"it is no {' or '.join(REMOVABLE)} that a run of {job_id} published")


def _remove(folder: Path, home: Path) -> int:
    """Return the bytes that were freed.

    Raises:
        OSError: the folder is not one that a run of this job made, or the system refused.
    """
    place = folder.parent.resolve() / folder.name
    parts = place.relative_to(home).parts if place.is_relative_to(home) else ()
    by_a_run = len(parts) == 3 and parts[1].startswith("attempt-")  # run-3/attempt-1/checkpoint
    if not by_a_run or folder.name not in REMOVABLE:
        raise OSError(f"it is no {' or '.join(REMOVABLE)} of a run below {home}")
    if place.is_symlink():
        raise OSError("it is a link, which no run makes")
    doomed = place.with_name(f".{place.name}.removed")
    if place.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
        place.rename(doomed)
    size = _size(doomed)
    if doomed.is_dir():
        shutil.rmtree(doomed)
    return size


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
