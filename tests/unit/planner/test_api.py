"""The REST API over the store in memory."""

import pytest
from fastapi.testclient import TestClient

from services.planner.api import make_api
from services.planner.loop import PlanningLoop
from shared.contracts.base import CONTRACTS, JobId
from shared.contracts.brief import Brief
from shared.contracts.events import JobEnded
from shared.contracts.run import Progress
from shared.contracts.system_views import QueueView, SystemView, WorkersView
from shared.contracts.views import (
    PlanView,
)
from shared.contracts.work import Result
from shared.notebook_memory import MemoryNotebook
from shared.store import PLAN as PLANNING
from shared.store_memory import MemoryStore
from tests.support.examples import BRIEF, CPU, DRAFT, FAILED, JOB, PLAN, SPEC, WORKER, worker
from tests.support.planning import Bench

BODY = SPEC.model_dump(mode="json")
TOKEN = {"Authorization": "Bearer t0ken"}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def api(store: MemoryStore) -> TestClient:
    return TestClient(make_api(store, MemoryNotebook(), token="t0ken"), headers=TOKEN)


def test_a_submitted_job_can_be_looked_at(api: TestClient) -> None:
    submitted = api.post("/v1/jobs", json=BODY)

    shown = api.get(submitted.headers["Location"])

    assert (submitted.status_code, shown.status_code) == (202, 200)
    assert shown.json()["goal"] == SPEC.goal
    assert [job["job_id"] for job in api.get("/v1/jobs").json()] == [shown.json()["job_id"]]


def test_the_same_idempotency_key_gives_the_same_job(api: TestClient) -> None:
    key = {"Idempotency-Key": "k1"}

    first, again = (api.post("/v1/jobs", json=BODY, headers=key) for _ in range(2))
    other = api.post("/v1/jobs", json={**BODY, "seed": 7}, headers=key)

    assert first.json()["job_id"] == again.json()["job_id"]
    assert other.status_code == 400
    assert "send a new key" in other.json()["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gaol": "typo"}, "gaol: no such field"),
        (
            {"budget": {"experiments": 0}},
            "budget.experiments: Input should be greater than 0, got 0",
        ),
        (
            {"data": {"train": "train.jsonl", "dev": "dev.jsonl"}},
            "data.mapping: is required and missing; add it",
        ),
        ({"metric": "bleu"}, "metric: Input should be 'exact_match'"),
    ],
)
def test_a_job_that_cannot_work_is_refused_with_a_sentence(
    api: TestClient, change: dict[str, object], said: str
) -> None:
    refused = api.post("/v1/jobs", json={**BODY, **change})

    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"].startswith(said)


def test_a_stranger_is_turned_away_and_told_how_to_come_in(store: MemoryStore) -> None:
    stranger = TestClient(make_api(store, MemoryNotebook(), token="t0ken"))

    without = stranger.get("/v1/jobs")
    wrong = stranger.get("/v1/jobs", headers={"Authorization": "Bearer guess"})

    assert (without.status_code, wrong.status_code) == (401, 401)
    assert "Authorization: Bearer TOKEN" in without.json()["detail"]
    assert "guess" not in wrong.text


def test_health_needs_no_token(store: MemoryStore) -> None:
    stranger = TestClient(make_api(store, MemoryNotebook(), token="t0ken"))
    store.present(worker("executor", "one"), for_s=60)

    ready = stranger.get("/health/ready")

    assert stranger.get("/health/live").status_code == 200
    assert ready.json() == {"status": "ready", "researcher": 0, "executor": 1, "evaluator": 0}


def test_a_client_can_ask_who_is_alive_and_what_can_be_trained(
    api: TestClient, store: MemoryStore
) -> None:
    store.present(worker("executor", "one", can=CPU), for_s=60)
    store.present(worker("executor", "two"), for_s=60)
    store.present(worker("evaluator", "three"), for_s=60)

    system = SystemView.model_validate_json(api.get("/v1/system").text)

    assert system == SystemView(researchers=0, executors=2, evaluators=1, machines=(CPU,))


def test_a_client_can_ask_what_every_worker_does_and_what_waits(
    api: TestClient, store: MemoryStore
) -> None:
    store.present(WORKER, for_s=60)
    api.post("/v1/plans", json=DRAFT.model_dump(mode="json"))
    [job_id] = store.jobs()
    PlanningLoop(store, lambda job, work, request: None, "planner").step(job_id)

    workers = WorkersView.model_validate_json(api.get("/v1/workers").text)
    queues = [QueueView.model_validate(one) for one in api.get("/v1/queues").json()]

    assert (workers.contracts, workers.workers) == (CONTRACTS, (WORKER,))
    assert [(one.service, one.queued, one.leased) for one in queues] == [
        ("researcher", 1, 0),
        ("executor", 0, 0),
        ("evaluator", 0, 0),
    ]


@pytest.mark.parametrize("path", ["/v1/workers", "/v1/queues"])
def test_who_works_here_is_not_a_strangers_business(store: MemoryStore, path: str) -> None:
    stranger = TestClient(make_api(store, MemoryNotebook(), token="t0ken"))

    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("view", ["", "/tree", "/brief", "/report", "/events", "/experiments/0"])
def test_an_unknown_job_is_not_found(api: TestClient, view: str) -> None:
    found = api.get(f"/v1/jobs/j-none{view}")

    assert found.status_code == 404
    assert "no job 'j-none'" in found.json()["detail"]


def test_an_unknown_experiment_is_not_found(api: TestClient, store: MemoryStore) -> None:
    store.create(JOB, SPEC, idempotency_key=None)

    found = api.get(f"/v1/jobs/{JOB}/experiments/9")

    assert found.status_code == 404
    assert "experiments 0 to 0, not 9" in found.json()["detail"]


def test_the_brief_is_there_when_it_is_written() -> None:
    bench = Bench()
    bench.plan()
    api = TestClient(make_api(bench.store, MemoryNotebook(), token="t0ken"), headers=TOKEN)

    before = api.get(f"/v1/jobs/{JOB}/brief")
    bench.run_until(lambda state: state.brief is not None)
    after = api.get(f"/v1/jobs/{JOB}/brief")

    assert (before.status_code, after.status_code) == (404, 200)
    assert "has no brief yet" in before.json()["detail"]
    assert Brief.model_validate_json(after.text) == BRIEF


def test_the_report_comes_as_data_or_as_a_document() -> None:
    store = MemoryStore(clock=lambda: 1_000.0)
    api = TestClient(make_api(store, MemoryNotebook(), token="t0ken"), headers=TOKEN)
    store.create(JOB, SPEC, idempotency_key=None)

    data = api.get(f"/v1/jobs/{JOB}/report")
    document = api.get(f"/v1/jobs/{JOB}/report", headers={"Accept": "text/markdown"})

    assert data.json()["markdown"] == document.text
    assert document.text.startswith(f"# {SPEC.goal}")


def ended_job(store: MemoryStore) -> JobId:
    store.create(JOB, SPEC, idempotency_key=None)
    store.request_cancel(JOB)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.end(hold, JobEnded(how="cancelled", reason="cancelled by the user", best=None))
    return JOB


def test_events_are_streamed_with_ids_until_the_job_has_ended(
    api: TestClient, store: MemoryStore
) -> None:
    stream = api.get(f"/v1/jobs/{ended_job(store)}/events").text

    fields = [line for line in stream.splitlines() if line.startswith(("event:", "id:"))]
    assert fields == [
        "event: job_submitted",
        "id: 1-0",
        "event: cancel_requested",
        "id: 2-0",
        "event: job_ended",
        "id: 3-0",
    ]


def test_a_reader_that_comes_back_gets_only_what_it_missed(
    api: TestClient, store: MemoryStore
) -> None:
    ended_job(store)

    rest = api.get(f"/v1/jobs/{JOB}/events", headers={"Last-Event-ID": "2-0"}).text
    nothing = api.get(f"/v1/jobs/{JOB}/events", headers={"Last-Event-ID": "3-0"}).text

    assert "job_ended" in rest
    assert "job_submitted" not in rest
    assert "event:" not in nothing


def test_a_cursor_that_is_none_is_refused(api: TestClient, store: MemoryStore) -> None:
    store.create(JOB, SPEC, idempotency_key=None)

    refused = api.get(f"/v1/jobs/{JOB}/events", headers={"Last-Event-ID": "yesterday"})

    assert refused.status_code == 400
    assert "found 'yesterday'" in refused.json()["detail"]


def test_cancelling_twice_is_one_wish(api: TestClient, store: MemoryStore) -> None:
    store.create(JOB, SPEC, idempotency_key=None)

    answers = [api.post(f"/v1/jobs/{JOB}/cancel").status_code for _ in range(2)]

    assert answers == [202, 202]
    assert [e.event.kind for e in store.read(JOB)] == ["job_submitted", "cancel_requested"]


def planned(api: TestClient, store: MemoryStore, result: Result | None) -> str:
    """Hand a draft over, have it planned with that result, and return its id."""
    drafted = api.post("/v1/plans", json=DRAFT.model_dump(mode="json"))
    assert drafted.status_code == 202
    job_id = JobId(drafted.json()["job_id"])
    loop = PlanningLoop(store, lambda job, work, request: None, "planner")
    loop.step(job_id)
    claim = store.claim(job_id, PLANNING, lease_s=60)
    if result is not None and claim is not None:
        store.finish(claim, result)
        loop.step(job_id)
    return job_id


def test_a_draft_is_shown_as_a_job_and_its_plan_while_it_is_planned(
    api: TestClient, store: MemoryStore
) -> None:
    job_id = planned(api, store, None)

    job = api.get(f"/v1/jobs/{job_id}").json()
    plan = PlanView.model_validate(api.get(f"/v1/plans/{job_id}").json())

    assert (job["state"], job["sentence"]) == ("planning", "planning what the job leaves open")
    assert [one["job_id"] for one in api.get("/v1/jobs").json()] == [job_id]
    assert api.get(f"/v1/jobs/{job_id}/tree").json()["nodes"] == []
    assert (plan.draft, plan.plan) == (DRAFT, None)


def test_a_draft_that_waits_for_its_model_says_so(api: TestClient, store: MemoryStore) -> None:
    waits = "waiting for the language model at http://localhost:8000/v1: connection refused"
    job_id = JobId(api.post("/v1/plans", json=DRAFT.model_dump(mode="json")).json()["job_id"])
    PlanningLoop(store, lambda job, work, request: None, "planner").step(job_id)
    claim = store.claim(job_id, PLANNING, lease_s=60)
    assert claim is not None

    store.renew(claim, lease_s=60, progress=Progress(phase=waits))

    said = f"planning what the job leaves open: {waits}"
    assert api.get(f"/v1/jobs/{job_id}").json()["sentence"] == said
    assert api.get(f"/v1/jobs/{job_id}/tree").json()["job"]["sentence"] == said


@pytest.mark.parametrize(
    ("caps", "most_s"),
    [
        ({}, 14_400.0),
        ({"gpu_seconds": 900.0}, 900.0),
        ({"wall_clock_s": 600.0}, 600.0),
        ({"gpu_seconds": 300.0, "wall_clock_s": 600.0}, 300.0),
    ],
)
def test_a_plan_takes_at_most_what_the_smallest_cap_allows(
    api: TestClient, caps: dict[str, float], most_s: float
) -> None:
    asked = DRAFT.model_dump(mode="json")
    asked["budget"] |= caps
    job_id = api.post("/v1/plans", json=asked).json()["job_id"]

    view = PlanView.model_validate(api.get(f"/v1/plans/{job_id}").json())

    assert view.cost.most_s == most_s


@pytest.mark.parametrize("change", [{"goal": "Another"}, {"budget": {"experiments": 400}}])
def test_a_job_that_is_not_that_of_the_draft_is_not_approved(
    api: TestClient, store: MemoryStore, change: dict[str, object]
) -> None:
    job_id = planned(api, store, PLAN)

    refused = api.post(f"/v1/plans/{job_id}/approve", json={**BODY, **change})

    assert refused.status_code == 400
    assert f"{next(iter(change))}: wanted that of the draft" in refused.json()["detail"]
    assert api.get(f"/v1/jobs/{job_id}").json()["state"] == "waiting"


def test_a_plan_waits_with_what_it_may_cost(api: TestClient, store: MemoryStore) -> None:
    job_id = planned(api, store, PLAN.model_copy(update={"run_s": 100.0}))

    view = PlanView.model_validate(api.get(f"/v1/plans/{job_id}").json())

    assert view.job.state == "waiting"
    assert f"approve it with `trex approve {job_id}`" in view.job.sentence
    assert view.plan is not None
    assert view.plan.choices == PLAN.choices
    assert (view.cost.full_runs, view.cost.expected_s, view.cost.most_s) == (4, 400.0, 14_400.0)


def test_an_approved_plan_is_a_job_and_still_a_plan(api: TestClient, store: MemoryStore) -> None:
    job_id = planned(api, store, PLAN)

    for _ in range(2):
        approved = api.post(f"/v1/plans/{job_id}/approve", json=BODY)
    other = api.post(f"/v1/plans/{job_id}/approve", json={**BODY, "seed": 7})

    assert (approved.status_code, approved.json()["state"]) == (202, "searching")
    assert (other.status_code, "approved as another job" in other.text) == (400, True)
    assert api.get(f"/v1/jobs/{job_id}/report").status_code == 200
    assert api.get(f"/v1/plans/{job_id}").json()["job"]["state"] == "searching"


def test_a_draft_without_a_plan_is_neither_approved_nor_reported(
    api: TestClient, store: MemoryStore
) -> None:
    job_id = planned(api, store, None)

    approved = api.post(f"/v1/plans/{job_id}/approve", json=BODY)
    report = api.get(f"/v1/jobs/{job_id}/report")

    assert (approved.status_code, report.status_code) == (400, 400)
    assert "wanted a plan to approve" in approved.json()["detail"]
    assert "approve its plan first" in report.json()["detail"]


def test_a_draft_that_failed_says_why(api: TestClient, store: MemoryStore) -> None:
    job_id = planned(api, store, FAILED)

    job = api.get(f"/v1/jobs/{job_id}").json()

    assert (job["state"], job["sentence"]) == ("failed", f"failed: {FAILED.detail}")


def test_a_job_submitted_whole_has_no_plan(api: TestClient) -> None:
    job_id = api.post("/v1/jobs", json=BODY).json()["job_id"]

    found = [api.get(f"/v1/plans/{job_id}"), api.get("/v1/plans/j-2")]

    assert [one.status_code for one in found] == [404, 404]
    assert "was submitted whole" in found[0].json()["detail"]


@pytest.mark.parametrize(
    "change",
    [{"metric": "ftbench"}, {"dev": "ftbench:sst2/dev"}],
)
def test_a_benchmark_task_leaves_nothing_open(api: TestClient, change: dict[str, str]) -> None:
    refused = api.post("/v1/plans", json={**DRAFT.model_dump(mode="json"), **change})

    assert refused.status_code == 422
    assert "submit it as a job" in refused.json()["detail"]
