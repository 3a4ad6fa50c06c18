"""Joining a system elsewhere, and handing it rows."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.planner.joining import Door
from shared.artifacts.rows import Shelf
from shared.contracts.job import StoredRows
from shared.contracts.joining import Joining
from shared.errors import Rejected
from shared.settings import ArtifactSettings, ClientSettings
from tests.unit.trex.real_api import RealApi, real_api
from trex.client import Address, TrexClient
from trex.hosts import environment_of
from trex.sharing_rows import shared_rows

TOLD = Joining(environment={"TREX_QUEUE_URL": "redis://planner/0", "AWS_SECRET_ACCESS_KEY": "key"})


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactSettings:
    return ArtifactSettings(folder=tmp_path / "own", url=f"file://{tmp_path}/shared")


@pytest.fixture
def api(artifacts: ArtifactSettings) -> Iterator[RealApi]:
    with real_api(door=Door("let-me-in", TOLD), shelf=Shelf(artifacts)) as api:
        yield api


def test_a_host_becomes_an_executor_with_what_it_is_told(
    api: RealApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, given: became.append((command, given)))
    monkeypatch.setenv("TREX_LAUNCHER_PROCESSES", "1")

    done = api.trex("join", api.url, "--token", "let-me-in", "--folder", str(tmp_path / "here"))

    assert done.exit_code == 0, done.output
    ((command, given),) = became
    assert command == [sys.executable, "-m", "services.executor"]
    assert given["TREX_QUEUE_URL"] == "redis://planner/0"
    assert given["AWS_SECRET_ACCESS_KEY"] == "key"
    assert given["TREX_ARTIFACTS_FOLDER"] == str(tmp_path / "here")
    assert given["TREX_LAUNCHER_PROCESSES"] == "1"
    assert "TREX_URL" not in given


@pytest.mark.parametrize(
    ("token", "said"), [("guess", "refuses the token from --token"), ("", "refuses the token")]
)
def test_a_wrong_token_is_said_in_a_sentence(api: RealApi, token: str, said: str) -> None:
    done = api.trex("join", api.url, "--token", token)

    assert (done.exit_code, said in done.output) == (2, True)


def test_nobody_joins_where_nothing_answers(api: RealApi) -> None:
    done = api.trex("join", "http://127.0.0.1:9", "--token", "let-me-in")

    assert (done.exit_code, "nothing answers at http://127.0.0.1:9" in done.output) == (75, True)


def test_what_would_change_a_hosts_programs_is_refused_by_the_host() -> None:
    told = Joining(environment={"PYTHONPATH": "/tmp/evil"})

    with real_api(door=Door("let-me-in", told)) as api:
        done = api.trex("join", api.url, "--token", "let-me-in")

    assert (done.exit_code, "found PYTHONPATH; leave them away" in done.output) == (2, True)


def test_an_executor_gets_no_token_of_the_api(tmp_path: Path) -> None:
    own = {"TREX_TOKEN": "t0ken", "TREX_PLANNER_TOKEN": "t0ken", "PATH": "/bin"}

    assert "t0ken" not in environment_of(TOLD, tmp_path, own).values()


def share(api: RealApi, train: str, said: list[str]) -> str:
    settings = ClientSettings(url=api.url)
    with TrexClient(Address(api.url, "")) as client:
        return shared_rows(train, client, settings, said.append)


def test_rows_are_sent_once_to_a_system_elsewhere(api: RealApi, tmp_path: Path) -> None:
    file = tmp_path / "my rows (1).jsonl"
    file.write_bytes(b'{"n": 1}\n')
    said: list[str] = []

    names = {share(api, str(file), said) for _ in range(2)}

    assert names == {f"store:{hashlib.sha256(file.read_bytes()).hexdigest()}/my rows _1_.jsonl"}
    assert said == ["sending my rows (1).jsonl, 0.0 MB"]
    assert share(api, next(iter(names)), said) in names
    assert file.exists()


def test_several_files_are_refused_where_hosts_share_no_paths(api: RealApi, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"n": 1}\n')

    with pytest.raises(Rejected, match=r"wanted one file to send .* found 2 that fit"):
        share(api, str(tmp_path / "*.jsonl"), [])


def test_where_hosts_share_paths_nothing_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text('{"n": 1}\n')

    with real_api() as api:
        assert share(api, str(file), []) == str(file)


def test_stored_rows_have_names_by_which_they_are_read() -> None:
    assert StoredRows("0" * 64, "train.jsonl").name == f"store:{'0' * 64}/train.jsonl"
