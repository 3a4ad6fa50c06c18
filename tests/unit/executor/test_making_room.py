"""Folders that nothing asks for any more."""

from pathlib import Path

import pytest

from services.executor.making_room import make_room
from shared.contracts.base import JobId
from shared.contracts.discard import Discarded, DiscardRequest
from tests.support.artifacts import artifacts_at
from tests.support.examples import JOB


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / JOB


@pytest.fixture
def attempt(home: Path) -> Path:
    """A run's attempt with a checkpoint, something to go on from, and a log."""
    attempt = home / "run-1" / "attempt-1"
    for name in ("checkpoint", "resume"):
        (attempt / name / "deeper").mkdir(parents=True)
        (attempt / name / "deeper" / "weights.safetensors").write_bytes(b"0" * 1000)
    (attempt / "train.log").write_text("loss 0.4")
    return attempt


def discard(home: Path, *folders: Path | str) -> Discarded:
    request = DiscardRequest(job_id=JobId(home.name), folders=tuple(map(str, folders)))
    return make_room(request, artifacts_at(home.parent))


def test_folders_are_removed_and_what_lies_beside_them_stays(home: Path, attempt: Path) -> None:
    done = discard(home, attempt / "checkpoint", attempt / "resume")

    assert done == Discarded(bytes=2000)
    assert [file.name for file in attempt.iterdir()] == ["train.log"]


def test_removing_again_is_no_fault(home: Path, attempt: Path) -> None:
    discard(home, attempt / "checkpoint")

    assert discard(home, attempt / "checkpoint") == Discarded(bytes=0)
    assert (attempt / "resume").is_dir()


def test_what_a_dead_worker_had_half_removed_is_removed(home: Path, attempt: Path) -> None:
    (attempt / "checkpoint").rename(attempt / ".checkpoint.removed")

    assert discard(home, attempt / "checkpoint") == Discarded(bytes=1000)
    assert {file.name for file in attempt.iterdir()} == {"resume", "train.log"}


@pytest.mark.parametrize(
    "folder",
    [
        "{home}/data/stage/checkpoint",
        "{home}/run-1/attempt-1",
        "{home}/run-1/attempt-1/train.log",
        "{home}/run-1/attempt-1/checkpoint/deeper",
        "{home}/run-1/../../{other}/run-1/attempt-1/checkpoint",
        "{home}/run-1/attempt-1/checkpoint/..",
        "{home}/../{other}/run-1/attempt-1/checkpoint",
        "run-1/attempt-1/checkpoint",
        "/",
    ],
)
def test_nothing_but_what_runs_of_the_job_made_is_removed(
    home: Path, attempt: Path, folder: str
) -> None:
    other = home.with_name("j-other")
    foreign = other / "run-1" / "attempt-1" / "checkpoint"
    foreign.mkdir(parents=True)
    (home / "data" / "stage" / "checkpoint").mkdir(parents=True)

    done = discard(home, folder.format(home=home, other=other.name))

    assert done.bytes == 0
    assert f"it is no checkpoint or resume of a run below {home}" in done.left[0]
    assert foreign.is_dir()
    assert (home / "data" / "stage" / "checkpoint").is_dir()
    assert {file.name for file in attempt.iterdir()} == {"checkpoint", "resume", "train.log"}


def test_links_are_not_followed(home: Path, attempt: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "attempt-1" / "checkpoint").mkdir(parents=True)
    (home / "run-2").symlink_to(precious)
    linked = home / "run-3" / "attempt-1" / "checkpoint"
    linked.parent.mkdir(parents=True)
    linked.symlink_to(precious)
    (attempt / "checkpoint" / "elsewhere").symlink_to(precious)

    done = discard(home, home / "run-2/attempt-1/checkpoint", linked, attempt / "checkpoint")

    assert ["it is no checkpoint" in done.left[0], "it is a link" in done.left[1]] == [True, True]
    assert (precious / "attempt-1" / "checkpoint").is_dir()
    assert not (attempt / "checkpoint").exists()


def test_a_folder_that_cannot_be_removed_does_not_keep_the_others(
    home: Path, attempt: Path
) -> None:
    done = discard(home, home / "data" / "x" / "y", attempt / "resume")

    assert len(done.left) == 1
    assert not (attempt / "resume").exists()
