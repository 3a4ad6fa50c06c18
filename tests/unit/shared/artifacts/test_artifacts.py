"""Folders that one host publishes and others fetch."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.artifacts.artifacts import Artifacts
from shared.errors import NoArtifact, Rejected, TrainingFailed, Unavailable
from tests.support.artifacts import artifacts_at

RUN = Path("j-0a1b2c3d") / "run-1"


@pytest.fixture
def host(tmp_path: Path, url: str) -> Artifacts:
    return artifacts_at(tmp_path / "host", url)


@pytest.fixture
def other(tmp_path: Path, url: str) -> Artifacts:
    return artifacts_at(tmp_path / "other", url)


def made(host: Artifacts, attempt: int = 1, *, weights: bytes = b"weights") -> Path:
    """Make a checkpoint as an attempt leaves it."""
    folder = host.folder / RUN / f"attempt-{attempt}" / "checkpoint"
    (folder / "deeper").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "deeper" / "empty").write_bytes(b"")
    return folder


def contents(folder: str) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


CHECKPOINT = {"model.safetensors": b"weights", "deeper/empty": b""}


def test_what_one_host_publishes_another_fetches(
    host: Artifacts, other: Artifacts, url: str
) -> None:
    name = host.publish(made(host))

    assert name == f"{url}/j-0a1b2c3d/run-1/attempt-1/checkpoint"
    with other.fetched(name) as folder:
        assert contents(folder) == CHECKPOINT
        assert Path(folder).is_relative_to(other.folder)


def test_what_a_host_published_it_need_not_fetch(
    host: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(host)
    name = host.publish(folder)
    assert host.bucket is not None
    monkeypatch.setattr(host.bucket, "download", None)

    with host.fetched(name) as here:
        assert contents(here) == CHECKPOINT
    assert not folder.exists()


def test_without_a_url_a_folder_stays_where_it_is(tmp_path: Path) -> None:
    host = artifacts_at(tmp_path)
    folder = made(host)

    assert host.publish(folder) == str(folder)
    with host.fetched(str(folder)) as here:
        assert here == str(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["j-0a1b2c3d"]


@pytest.mark.parametrize("name", ["org/model", "/models/base"])
def test_what_nobody_published_is_left_as_it_is(host: Artifacts, name: str) -> None:
    with host.fetched(name) as here:
        assert here == name


def test_a_name_of_another_store_is_refused(host: Artifacts, tmp_path: Path) -> None:
    elsewhere = "s3://elsewhere/j-0a1b2c3d/run-1/attempt-1/checkpoint"

    with pytest.raises(NoArtifact, match="wanted a name below TREX_ARTIFACTS_URL"):
        host.key_of(elsewhere)
    with pytest.raises(NoArtifact, match="which is not set on this host"):
        artifacts_at(tmp_path).key_of(elsewhere)


PUBLISH = """
import sys
from pathlib import Path
from tests.support.artifacts import artifacts_at
folder, home, url = sys.argv[1:]
artifacts_at(Path(home), url).publish(Path(folder))
"""


def test_a_folder_whose_host_died_while_publishing_does_not_exist(
    host: Artifacts, other: Artifacts, url: str
) -> None:
    folder = made(host)
    for number in range(40):
        (folder / f"part-{number:02}").write_bytes(bytes(4_000_000))
    command = [sys.executable, "-c", PUBLISH, str(folder), str(host.folder), url]
    with subprocess.Popen(command) as dying:
        while not sum(other.stored("").values()):
            assert dying.poll() is None
            time.sleep(0.01)
        dying.kill()

    (name,) = other.stored("")
    assert not other.is_whole(name)
    with pytest.raises(NoArtifact, match="found nothing whole"), other.fetched(name):
        pass
    assert not list(other.folder.glob("fetched/[!.]*"))

    assert other.discard(name) > 0
    assert other.stored("") == {}


def test_a_folder_is_fetched_again_when_it_arrives_damaged(
    host: Artifacts, other: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = host.publish(made(host))
    assert other.bucket is not None
    download = other.bucket.download
    damaged: list[Path] = []

    def damage_at_first(key: str, file: Path) -> None:
        download(key, file)
        if key.endswith("safetensors") and not damaged:
            damaged.append(file)
            file.write_bytes(b"weighty")

    monkeypatch.setattr(other.bucket, "download", damage_at_first)
    with other.fetched(name) as here:
        assert contents(here) == CHECKPOINT
    assert len(damaged) == 1


def test_a_folder_that_always_arrives_damaged_is_refused(host: Artifacts, other: Artifacts) -> None:
    name = host.publish(made(host))
    assert other.bucket is not None
    other.bucket.write(f"{other.key_of(name)}/model.safetensors", b"weighty")

    with pytest.raises(NoArtifact, match=r"as published, found 7 of .*, twice"):
        other.fetched(name).__enter__()
    assert not list(other.folder.glob("fetched/[!.]*"))


FETCH = """
import sys
from pathlib import Path
from tests.support.artifacts import artifacts_at
name, home, url = sys.argv[1:]
host = artifacts_at(Path(home), url)
download = host.bucket.download
def counted(key, file):
    print(key, flush=True)
    download(key, file)
host.bucket.download = counted
with host.fetched(name) as folder:
    print("=", sorted(p.name for p in Path(folder).iterdir()))
"""


def test_two_processes_of_a_host_fetch_a_folder_once(
    host: Artifacts, other: Artifacts, url: str
) -> None:
    folder = made(host)
    for number in range(10):
        (folder / f"part-{number}").write_bytes(bytes(1_000_000))
    name = host.publish(folder)
    command = [sys.executable, "-c", FETCH, name, str(other.folder), url]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [line for process in both for line in process.communicate()[0].splitlines()]

    results = [line for line in said if line.startswith("=")]
    assert len(results) == 2
    assert results[0] == results[1]
    assert len(said) - len(results) == 12


def test_copies_not_wanted_for_longest_go_and_those_in_use_stay(
    host: Artifacts, tmp_path: Path, url: str
) -> None:
    names = [host.publish(made(host, attempt, weights=bytes(1000))) for attempt in (1, 2, 3)]
    small = artifacts_at(tmp_path / "other", url, fetched_gib=2500 / 2**30)

    with small.fetched(names[0]):
        for name in (names[1], names[2]):
            with small.fetched(name):
                pass
        left = sorted(path.name for path in small.folder.glob("fetched/[!.]*"))

    run = "j-0a1b2c3d.run-1"
    assert left == [f"{run}.attempt-1.checkpoint"]


def test_what_was_discarded_is_gone_and_gone_again_is_no_fault(
    host: Artifacts, other: Artifacts
) -> None:
    name = host.publish(made(host))
    kept = host.publish(made(host, 2))

    assert host.discard(name) == len(b"weights")
    assert host.discard(name) == 0
    with pytest.raises(NoArtifact, match="it was removed"):
        other.fetched(name).__enter__()
    assert list(other.stored("")) == [kept]


def test_links_are_not_published(host: Artifacts, tmp_path: Path) -> None:
    folder = made(host)
    (folder / "passwords").symlink_to("/etc/passwd")

    with pytest.raises(TrainingFailed, match="found a link"):
        host.publish(folder)
    assert host.stored("") == {}


@pytest.mark.parametrize("url", ["nonsense://bucket", "bucket/prefix"])
def test_a_url_that_nothing_reads_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Rejected, match="TREX_ARTIFACTS_URL: wanted a URL such as"):
        artifacts_at(tmp_path, url)


def test_a_bucket_that_is_not_there_is_named(tmp_path: Path, s3: str) -> None:
    with pytest.raises(
        Unavailable, match=r"s3://trex-none/x/.*The specified bucket does not exist"
    ):
        artifacts_at(tmp_path, "s3://trex-none/x").check()
