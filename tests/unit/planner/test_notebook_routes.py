"""What the REST API shows of the researcher's notebook, over stores in memory."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from services.planner.api import make_api
from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId
from shared.contracts.counsel import Call
from shared.notebook_memory import MemoryNotebook
from shared.store_memory import MemoryStore
from tests.suites.notebook import CALL
from tests.support.examples import (
    BRIEF_REQUEST,
    DIAGNOSE_REQUEST,
    DRAFT,
    JOB,
    PROPOSE_REQUEST,
    SPEC,
    banked_lesson,
)

FIRST = PROPOSE_REQUEST.model_copy(
    update={"experiments": (ExperimentId(1), ExperimentId(2)), "parent": ROOT, "findings": ()}
)


@pytest.fixture
def notebook() -> MemoryNotebook:
    return MemoryNotebook()


@pytest.fixture
def api(notebook: MemoryNotebook) -> TestClient:
    """Of a system with one job, which has a brief, two proposals and a diagnosis of the first."""
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.order(hold, WorkId("brief"), BRIEF_REQUEST, why="to begin with")
    store.order(hold, WorkId("propose-1"), FIRST, why="a fresh start")
    store.order(hold, WorkId("diagnose-1"), DIAGNOSE_REQUEST, why="it is over")
    return TestClient(make_api(store, notebook, token=None))


def call(reply: str, at: float = 1.0) -> Call:
    return CALL.model_copy(update={"reply": reply, "at": at})


def replies(api: TestClient, number: int) -> list[str]:
    found = api.get(f"/v1/jobs/{JOB}/experiments/{number}/calls").json()
    return [Call.model_validate(one).reply for one in found]


def test_a_node_shows_what_was_asked_for_its_proposal_and_its_diagnosis(
    api: TestClient, notebook: MemoryNotebook
) -> None:
    notebook.keep(JOB, WorkId("diagnose-1"), call("it was the rate"))
    notebook.keep(JOB, WorkId("propose-1"), call("garbage", at=1.0))
    notebook.keep(JOB, WorkId("propose-1"), call("two ideas", at=2.0))
    notebook.keep(JOB, WorkId("propose-3"), call("another idea"))

    assert replies(api, 1) == ["garbage", "two ideas", "it was the rate"]
    assert replies(api, 2) == ["garbage", "two ideas"]


def test_the_base_model_shows_what_was_asked_for_the_plan_and_the_brief(
    api: TestClient, notebook: MemoryNotebook
) -> None:
    notebook.keep(JOB, WorkId("brief"), call("a brief"))
    notebook.keep(JOB, WorkId("plan"), call("a plan"))

    assert replies(api, 0) == ["a plan", "a brief"]


def test_a_draft_shows_what_was_asked_for_its_plan(notebook: MemoryNotebook) -> None:
    store = MemoryStore()
    store.draft(JOB, DRAFT, idempotency_key=None)
    notebook.keep(JOB, WorkId("plan"), call("a plan"))
    api = TestClient(make_api(store, notebook, token=None))

    assert replies(api, 0) == ["a plan"]
    refused = api.get(f"/v1/jobs/{JOB}/experiments/1/calls")
    assert "is a draft; approve its plan first" in refused.json()["detail"]


def test_calls_of_an_experiment_that_is_not_there_are_not_found(api: TestClient) -> None:
    found = api.get(f"/v1/jobs/{JOB}/experiments/7/calls")

    assert found.status_code == 404
    assert "experiments 0 to 2, not 7" in found.json()["detail"]


def test_lessons_are_listed_by_what_they_are_about(
    api: TestClient, notebook: MemoryNotebook
) -> None:
    rate, rank = banked_lesson(), banked_lesson(factor="r", base_family="llama", at=2_000.0)
    notebook.bank(rate)
    notebook.bank(rank)

    def ids(**wanted: str) -> list[str]:
        return [one["id"] for one in api.get("/v1/lessons", params=wanted).json()]

    assert ids() == [rate.id, rank.id]
    assert ids(factor="r") == ids(base_family="llama") == [rank.id]
    assert ids(task_type="classification", base_family="qwen3") == [rate.id]
    assert ids(task_type="code") == []


def test_a_kind_of_task_that_does_not_exist_is_refused(api: TestClient) -> None:
    refused = api.get("/v1/lessons", params={"task_type": "poetry"})

    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("task_type: Input should be 'classification'")


def test_what_a_person_does_not_send_about_a_lesson_stays(
    api: TestClient, notebook: MemoryNotebook
) -> None:
    lesson = banked_lesson()
    notebook.bank(lesson)
    path = f"/v1/lessons/{lesson.id}"

    api.patch(path, json={"note": "sorted rows"})
    api.patch(path, json={"ignored": True})
    [both] = notebook.lessons()
    answer = api.patch(path, json={"note": None})

    assert (both.note, both.ignored) == ("sorted rows", True)
    assert (answer.json()["note"], answer.json()["ignored"]) == (None, True)


def test_a_lesson_that_is_not_there_cannot_be_edited(api: TestClient) -> None:
    missing = api.patch("/v1/lessons/j-1/2/r", json={"note": "?"})

    assert missing.status_code == 404
    assert "found 'j-1/2/r'" in missing.json()["detail"]


def test_a_lesson_is_forgotten_once_and_for_good(api: TestClient, notebook: MemoryNotebook) -> None:
    lesson = banked_lesson(factor="near_duplicates threshold")
    notebook.bank(lesson)

    answers = [api.delete(f"/v1/lessons/{lesson.id}").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert api.get("/v1/lessons").json() == []


def test_a_lesson_that_never_was_there_cannot_be_forgotten(api: TestClient) -> None:
    missing = api.delete("/v1/lessons/j-1/2/r")

    assert missing.status_code == 404
    assert "found 'j-1/2/r'" in missing.json()["detail"]


def test_lessons_are_behind_the_token_like_all_else(notebook: MemoryNotebook) -> None:
    stranger = TestClient(make_api(MemoryStore(), notebook, token="t0ken"))

    assert stranger.get("/v1/lessons").status_code == 401


def test_other_routes_do_not_wait_while_the_notebook_is_read(
    api: TestClient, notebook: MemoryNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, pool = notebook.calls, ThreadPoolExecutor(1)

    def slow(job_id: JobId, work_id: WorkId) -> tuple[Call, ...]:
        looked = pool.submit(api.get, f"/v1/jobs/{JOB}")
        assert looked.result(timeout=5).status_code == 200
        return read(job_id, work_id)

    notebook.keep(JOB, WorkId("brief"), call("a brief"))
    monkeypatch.setattr(notebook, "calls", slow)

    assert replies(api, 0) == ["a brief"]
