"""What was published and nothing will ask for."""

from pathlib import Path

import pytest

from shared.contracts.base import WorkId
from shared.contracts.discard import DiscardRequest
from shared.contracts.events import Event, WorkEnded, WorkLost, WorkOrdered
from tests.support.artifacts import artifacts_at
from tests.support.examples import BRIEF_REQUEST, FAILED, JOB, SPEC, TRAINED
from tests.unit.trex.real_api import RealApi, real_api
from trex.orphans import orphans

BASE = f"s3://bucket/trex/{JOB}"
FIRST, LATE = f"{BASE}/run-1/attempt-1/checkpoint", f"{BASE}/run-1/attempt-2/checkpoint"
RESUME, HANDED_ON = f"{BASE}/run-1/attempt-2/resume", f"{BASE}/run-1/attempt-1/interrupted"


def made(work: str = "run-1", checkpoint: str = LATE, resume: str | None = RESUME) -> Event:
    result = TRAINED.model_copy(update={"checkpoint": checkpoint, "resume": resume})
    return WorkEnded(work_id=WorkId(work), attempt=2, result=result)


def test_what_no_outcome_names_is_an_orphan_once_the_run_is_over() -> None:
    assert list(orphans([FIRST, LATE, RESUME, HANDED_ON], [made()])) == [FIRST, HANDED_ON]


def test_what_a_run_under_way_has_published_is_none() -> None:
    lost = WorkLost(work_id=WorkId("run-1"), attempt=1, held_s=4.0)

    assert list(orphans([FIRST, HANDED_ON], [made("run-2"), lost])) == []


def test_of_a_run_that_failed_or_was_cancelled_all_is_an_orphan() -> None:
    failed = WorkEnded(work_id=WorkId("run-1"), attempt=3, result=FAILED)

    assert list(orphans([FIRST, HANDED_ON], [failed])) == [FIRST, HANDED_ON]


def test_what_could_not_be_removed_when_it_should_have_been_is_an_orphan() -> None:
    request = DiscardRequest(job_id=JOB, folders=(RESUME,))
    asked = WorkOrdered(work_id=WorkId("discard-1"), request=request, why="nothing asks for it")

    assert list(orphans([LATE, RESUME], [made(), asked])) == [RESUME]


def publish(api: RealApi, tmp_path: Path, url: str) -> list[str]:
    """Publish of work that failed, of some under way, and of a job that this system has not."""
    host = artifacts_at(tmp_path / "host", url)
    api.store.create(JOB, SPEC, idempotency_key=None)
    hold = api.store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    for work in ("run-1", "run-2"):
        api.store.order(hold, WorkId(work), BRIEF_REQUEST, why="it is due")
    claim = api.store.claim(JOB, WorkId("run-1"), lease_s=60)
    assert claim is not None
    api.store.finish(claim, FAILED)
    names = []
    for place in (f"{JOB}/run-1", f"{JOB}/run-2", "j-another/run-1"):
        folder = host.folder / place / "attempt-1" / "checkpoint"
        folder.mkdir(parents=True)
        (folder / "weights").write_bytes(bytes(1000))
        names.append(host.publish(folder))
    return names


@pytest.mark.parametrize("sweep", [False, True])
def test_orphans_are_listed_and_removed_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: bool
) -> None:
    url = f"file://{tmp_path}/shared"
    monkeypatch.setenv("TREX_ARTIFACTS_URL", url)
    with real_api() as api:
        orphan, under_way, of_others = publish(api, tmp_path, url)
        done = api.trex("artifacts", *["--sweep"] * sweep)

    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    size, name = line.split("\t")
    assert (int(size) >= 1000, name) == (True, orphan)
    left = set(artifacts_at(tmp_path / "looking", url).stored(""))
    assert left == {under_way, of_others} | (set() if sweep else {orphan})


def test_without_a_store_there_is_nothing_to_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREX_ARTIFACTS_URL", raising=False)
    with real_api() as api:
        done = api.trex("artifacts")

    assert (done.exit_code, "found no TREX_ARTIFACTS_URL; set it" in done.output) == (2, True)
