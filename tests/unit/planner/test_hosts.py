"""What other hosts and clients on them ask of a planner: to join, and to keep their files."""

import hashlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.planner.api import make_api
from services.planner.joining import door_of
from shared.artifacts.rows import Shelf
from shared.contracts.joining import Joining
from shared.contracts.system_views import FileView
from shared.errors import DataFailed, Rejected
from shared.notebook_memory import MemoryNotebook
from shared.rows import read_rows, sha256_of_files
from shared.settings import ArtifactSettings, PlannerSettings, QueueSettings
from shared.store_memory import MemoryStore

API = {"Authorization": "Bearer t0ken"}
ROWS = b'{"n": 1}\n{"n": 2}\n'
HASH = hashlib.sha256(ROWS).hexdigest()
PLACE = f"/v1/files/{HASH}/train.jsonl"
NAME = f"store:{HASH}/train.jsonl"
DOOR = {
    "join_token": "let-me-in",
    "join_queue_url": "redis://:pass@planner:6379/0",
    "join_environment": {"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_SECRET_ACCESS_KEY": "key"},
}


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactSettings:
    return ArtifactSettings(folder=tmp_path / "own", url=f"file://{tmp_path}/shared")


def api_with(artifacts: ArtifactSettings, **settings: object) -> TestClient:
    door = door_of(PlannerSettings.model_validate(settings), QueueSettings(), artifacts)
    shelf = None if artifacts.url is None else Shelf(artifacts)
    api = make_api(MemoryStore(), MemoryNotebook(), token="t0ken", door=door, shelf=shelf)
    return TestClient(api)


def knock(api: TestClient, token: str) -> tuple[int, str]:
    answer = api.get("/v1/join", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.text


def test_a_host_that_joins_is_told_where_everything_is(artifacts: ArtifactSettings) -> None:
    status, said = knock(api_with(artifacts, **DOOR), "let-me-in")

    assert status == 200
    assert Joining.model_validate_json(said).environment == {
        "TREX_QUEUE_URL": "redis://:pass@planner:6379/0",
        "TREX_QUEUE_HEARTBEAT_S": "5.0",
        "TREX_QUEUE_STOP_GRACE_S": "10.0",
        "TREX_ARTIFACTS_URL": artifacts.url,
        "AWS_ENDPOINT_URL": "http://minio:9000",
        "AWS_SECRET_ACCESS_KEY": "key",
    }


def test_the_token_of_the_api_opens_no_queue(artifacts: ArtifactSettings) -> None:
    api = api_with(artifacts, **DOOR)

    for token in ("t0ken", "", "guess"):
        status, said = knock(api, token)
        assert status == 401
        assert "pass@" not in said
    assert api.get("/v1/system", headers={"Authorization": "Bearer let-me-in"}).status_code == 401


@pytest.mark.parametrize("lacking", ["join_token", "join_queue_url", "store"])
def test_a_planner_that_lets_no_host_join_says_what_to_set(
    artifacts: ArtifactSettings, lacking: str
) -> None:
    if lacking == "store":
        artifacts = ArtifactSettings(url=None)
    given = {name: value for name, value in DOOR.items() if name != lacking}

    status, said = knock(api_with(artifacts, **given), "let-me-in")

    assert status == 404
    assert "set TREX_PLANNER_JOIN_TOKEN, TREX_PLANNER_JOIN_QUEUE_URL and TREX_ARTIFACTS_URL" in said


def test_what_changes_a_hosts_programs_is_not_given_to_it(artifacts: ArtifactSettings) -> None:
    with pytest.raises(Rejected, match=r"wanted variables that begin with AWS_.*found LD_PRELOAD;"):
        api_with(artifacts, **DOOR | {"join_environment": {"LD_PRELOAD": "/tmp/evil.so"}})


def test_rows_that_were_sent_are_read_by_their_name(
    artifacts: ArtifactSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = api_with(artifacts)
    before = FileView.model_validate_json(api.get(PLACE, headers=API).text)
    sent = api.put(PLACE, content=ROWS, headers=API)
    after = FileView.model_validate_json(api.get(PLACE, headers=API).text)

    assert before == FileView(name=NAME, there=False)
    assert (sent.status_code, after) == (201, FileView(name=NAME, there=True))
    monkeypatch.setenv("TREX_ARTIFACTS_URL", str(artifacts.url))
    monkeypatch.setenv("TREX_ARTIFACTS_FOLDER", str(tmp_path / "another-host"))
    assert [row.columns["n"] for row in read_rows(Path(NAME))] == [1, 2]
    assert sha256_of_files(Path(NAME)) == HASH


def test_rows_with_other_bytes_than_their_name_says_are_refused(
    artifacts: ArtifactSettings,
) -> None:
    api = api_with(artifacts)

    sent = api.put(PLACE, content=ROWS[:-1], headers=API)

    assert sent.status_code == 400
    assert "wanted the bytes that its name says" in sent.json()["detail"]
    assert not FileView.model_validate_json(api.get(PLACE, headers=API).text).there


@pytest.mark.parametrize("name", ["..", ".hidden", "a%2Fb", "a%00b"])
def test_names_that_lead_elsewhere_are_refused(artifacts: ArtifactSettings, name: str) -> None:
    api = api_with(artifacts)

    assert api.put(f"/v1/files/{HASH}/{name}", content=ROWS, headers=API).status_code >= 400
    assert not Path(f"{artifacts.folder.parent}/shared").exists()


def test_where_hosts_share_paths_a_file_is_none_of_the_planners_business() -> None:
    api = api_with(ArtifactSettings(url=None))

    assert api.get(PLACE, headers=API).json() == {"name": None, "there": False}
    assert "wanted a system whose hosts read files" in api.put(PLACE, headers=API).json()["detail"]


def test_strangers_send_no_files(artifacts: ArtifactSettings) -> None:
    assert api_with(artifacts).put(PLACE, content=ROWS).status_code == 401


def test_rows_of_a_store_that_this_host_does_not_know_are_named(
    monkeypatch: pytest.MonkeyPatch, artifacts: ArtifactSettings, tmp_path: Path
) -> None:
    monkeypatch.delenv("TREX_ARTIFACTS_URL", raising=False)
    with pytest.raises(DataFailed, match="found no TREX_ARTIFACTS_URL on this host"):
        sha256_of_files(Path(NAME))

    monkeypatch.setenv("TREX_ARTIFACTS_URL", str(artifacts.url))
    monkeypatch.setenv("TREX_ARTIFACTS_FOLDER", str(tmp_path))
    with pytest.raises(DataFailed, match="found nothing whole"):
        sha256_of_files(Path(NAME))
