"""The REST API: routes that write a wish into the ledger or show a view of it. No decisions."""

import re
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Response
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.telemetry import TelemetryConfig

from services.planner.able import able
from services.planner.allowed import allowed
from services.planner.drafted import DraftState, prelude, refuse_another
from services.planner.experiment import Experiment
from services.planner.files import Shelf, files
from services.planner.joining import Door, joining
from services.planner.metrics import watch
from services.planner.notebook_routes import lessons, works_about
from services.planner.plan_views import draft_view, plan_view
from services.planner.problems import answer_with_problems
from services.planner.reader import Reader
from services.planner.report import report
from services.planner.state import JobState
from services.planner.views import experiment_view, job_view, tree_view
from shared.contracts.base import CONTRACTS, ROOT, ExperimentId, JobId, WorkId
from shared.contracts.brief import Brief
from shared.contracts.counsel import Call
from shared.contracts.events import Event
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft
from shared.contracts.run import Progress
from shared.contracts.system_views import QueueView, SystemView, WorkersView
from shared.contracts.views import (
    ExperimentView,
    JobView,
    PlanView,
    Report,
    TreeView,
)
from shared.errors import Rejected, Unknown
from shared.notebook import Notebook
from shared.store import BEGINNING, PLAN, JobStore
from shared.telemetry.telling import open_job

TELEMETRY: TelemetryConfig = {
    "operation_spans": False,
    "logs": False,  # would hold what clients sent
    # Clients look every second or follow for hours: no story, unless it is one of theirs.
    "exclude": lambda scope: (
        scope["method"] == "GET" and b"traceparent" not in dict(scope["headers"])
    ),
}
"""What FastAPI tells of requests, when somebody listens."""

NEWS_S = 1.0
"""Seconds between two looks for progress while a client follows a job."""


def make_api(
    store: JobStore,
    notebook: Notebook,
    *,
    token: str | None,
    door: Door | None = None,
    shelf: Shelf | None = None,
) -> FastAPI:
    """Return the planner's REST API over a store.

    Args:
        store: where the ledgers are.
        notebook: what the researcher's language model said, and what jobs have taught.
        token: what clients must send as bearer token; None leaves the API open.
        door: where hosts join; None lets none join.
        shelf: where files go that every host is to read; None where hosts share paths.
    """
    app = FastAPI(title="open-trex planner", version="1", telemetry=TELEMETRY)
    answer_with_problems(app)
    app.include_router(_health(store))
    app.include_router(joining(door))
    reader = Reader(store)
    app.include_router(_jobs(store, notebook, reader), dependencies=[Depends(allowed(token))])
    app.include_router(_plans(store, reader), dependencies=[Depends(allowed(token))])
    app.include_router(lessons(notebook), dependencies=[Depends(allowed(token))])
    app.include_router(files(shelf), dependencies=[Depends(allowed(token))])
    app.include_router(_system(store), dependencies=[Depends(allowed(token))])
    app.include_router(_metrics(store, reader), dependencies=[Depends(allowed(token))])
    return app


def _health(store: JobStore) -> APIRouter:
    router = APIRouter(prefix="/health")

    @router.get("/live")
    def live() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "live"}

    @router.get("/ready")
    def ready() -> dict[str, str | int]:
        """Whether jobs can be taken: the store answers. Also how many workers are alive."""
        store.ping()
        services = ("researcher", "executor", "evaluator")
        return {"status": "ready", **{service: store.workers(service) for service in services}}

    return router


def _system(store: JobStore) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/system")
    def system() -> SystemView:
        """Who is alive, and what the executors can train."""
        return SystemView(
            researchers=store.workers("researcher"),
            executors=store.workers("executor"),
            evaluators=store.workers("evaluator"),
            machines=able(store.living()).machines,
        )

    @router.get("/workers")
    def workers() -> WorkersView:
        """Every worker that is alive: how it is, and what it does."""
        return WorkersView(at=store.now(), contracts=CONTRACTS, workers=store.living())

    @router.get("/queues")
    def queues() -> list[QueueView]:
        """What each service has to do, and how long it has waited."""
        return [
            QueueView(service=service, queued=one.queued, leased=one.leased, oldest_s=one.oldest_s)
            for service, one in store.backlog().items()
        ]

    return router


def _metrics(store: JobStore, reader: Reader) -> APIRouter:
    router = APIRouter()
    watch(store, reader)

    @cache
    def exposed() -> Callable[[], bytes]:
        from shared.telemetry.sdk import exposed  # once somebody asks

        return exposed("planner")

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """Queues, workers, jobs and runs, in the words of Prometheus."""
        return PlainTextResponse(exposed()())

    return router


def _show(store: JobStore, reader: Reader, job_id: JobId) -> JobView:
    """Return where a job or its draft stands."""
    with reader.standing(job_id) as state:
        if isinstance(state, DraftState):
            return draft_view(state, store.progress(job_id), now=store.now())
        return job_view(
            state, store.progress(job_id), now=store.now(), executors=store.workers("executor")
        )


def _plans(store: JobStore, reader: Reader) -> APIRouter:
    router = APIRouter(prefix="/v1/plans")

    @router.post("", status_code=202)
    def draft(
        draft: JobDraft,
        response: Response,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> JobView:
        """Hand over a job that leaves something open. It begins once its plan is approved."""
        mine = JobId(f"j-{uuid.uuid4().hex[:8]}")
        job_id = store.draft(mine, draft, idempotency_key=idempotency_key)
        if job_id == mine:
            open_job(job_id)
        response.headers["Location"] = f"/v1/plans/{job_id}"
        return _show(store, reader, job_id)

    @router.get("/{job_id}")
    def plan(job_id: JobId) -> PlanView:
        """A draft, what is proposed for what it leaves open, and what that may cost."""
        job = _show(store, reader, job_id)
        state = prelude(store.read(job_id))
        if state is None:
            raise Unknown(f"job {job_id} was submitted whole and has no plan; look at it as a job")
        return plan_view(job, state)

    @router.post("/{job_id}/approve", status_code=202)
    def approve(job_id: JobId, spec: JobSpec) -> JobView:
        """Begin with the job that a draft became. Approving the same again changes nothing."""
        _show(store, reader, job_id)  # refuses unknown jobs
        state = prelude(store.read(job_id))
        if state is not None:
            refuse_another(state.draft, spec)
        store.approve(job_id, spec)
        return _show(store, reader, job_id)

    return router


def _jobs(store: JobStore, notebook: Notebook, reader: Reader) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs")

    @router.post("", status_code=202)
    def submit(
        spec: JobSpec,
        response: Response,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> JobView:
        """Hand over a job. The same Idempotency-Key with the same job gives the same job."""
        mine = JobId(f"j-{uuid.uuid4().hex[:8]}")
        job_id = store.create(mine, spec, idempotency_key=idempotency_key)
        if job_id == mine:
            open_job(job_id)
        response.headers["Location"] = f"/v1/jobs/{job_id}"
        return show(job_id)

    @router.get("")
    def jobs() -> list[JobView]:
        """Every job, the oldest first."""
        return [show(job_id) for job_id in store.jobs()]

    @router.get("/{job_id}")
    def show(job_id: JobId) -> JobView:
        """Where a job stands."""
        return _show(store, reader, job_id)

    @router.get("/{job_id}/tree")
    def tree(job_id: JobId) -> TreeView:
        """A job with all its nodes; a draft has none yet."""
        with reader.standing(job_id) as state:
            if isinstance(state, DraftState):
                job = draft_view(state, store.progress(job_id), now=store.now())
                return TreeView(job=job, nodes=())
            return tree_view(
                state,
                store.progress(job_id),
                now=store.now(),
                executors=store.workers("executor"),
            )

    @router.get("/{job_id}/experiments/{number}")
    def experiment(job_id: JobId, number: int) -> ExperimentView:
        """Everything known about one experiment."""
        with reader.state(job_id) as state:
            return experiment_view(state, _found(state, number), store.progress(job_id))

    @router.get("/{job_id}/experiments/{number}/calls")
    def calls(job_id: JobId, number: int) -> list[Call]:
        """What a language model was asked about an experiment; 0 has the plan and the brief.

        A draft has no experiments yet, and its plan all the same.
        """
        with reader.standing(job_id) as standing:
            drafted = isinstance(standing, DraftState)
        works = [PLAN]
        if not (drafted and number == ROOT):
            with reader.state(job_id) as state:
                works = works_about(state, _found(state, number).id)
        return [call for work in works for call in notebook.calls(job_id, work)]

    @router.get("/{job_id}/brief")
    def brief(job_id: JobId) -> Brief:
        """What was learnt about the job before its first experiment, with the sources."""
        with reader.state(job_id) as state:
            if state.brief is None:
                raise Unknown(f"job {job_id} has no brief yet; it is written before all else")
            return state.brief

    @router.get("/{job_id}/report", responses={200: {"content": {"text/markdown": {}}}})
    def show_report(job_id: JobId, accept: Annotated[str, Header()] = "application/json") -> Report:
        """What the job hands back; ``Accept: text/markdown`` gives the document alone."""
        with reader.state(job_id) as state:
            whole = report(state, now=store.now())
        if "text/markdown" in accept:
            return PlainTextResponse(whole.markdown, media_type="text/markdown")  # type: ignore[return-value]  # FastAPI passes responses on
        return whole

    @router.post("/{job_id}/cancel", status_code=202)
    def cancel(job_id: JobId) -> JobView:
        """Stop a job; what it has is still reported. Cancelling twice changes nothing."""
        show(job_id)  # refuses unknown jobs
        store.request_cancel(job_id)
        return show(job_id)

    @router.get("/{job_id}/ledger")
    def ledger(job_id: JobId) -> list[Event]:
        """Everything that has happened to a job, the oldest first."""
        show(job_id)  # refuses unknown jobs
        return [entry.event for entry in store.read(job_id)]

    def resumed(job_id: JobId, last_event_id: Annotated[str, Header()] = BEGINNING) -> str:
        # A dependency, because a stream that has begun can no longer answer with an error.
        if not re.fullmatch(r"\d+-\d+", last_event_id):
            raise Rejected(
                f"Last-Event-ID: wanted an id such as 1732000000000-0, found {last_event_id!r}"
            )
        show(job_id)  # refuses unknown jobs
        return last_event_id

    @router.get("/{job_id}/events", response_class=EventSourceResponse)
    def events(job_id: JobId, after: Annotated[str, Depends(resumed)]) -> Iterator[ServerSentEvent]:
        """The job's ledger as it grows, and its progress; closes after ``job_ended``.

        Resumes after ``Last-Event-ID``. Progress has no id: only the latest matters.
        """
        yield from follow(store, job_id, after=after)

    return router


def follow(store: JobStore, job_id: JobId, *, after: str) -> Iterator[ServerSentEvent]:
    """Yield a job's entries after a cursor, and its progress, until the job has ended."""
    said: dict[WorkId, Progress] = {}
    while True:
        for entry in store.read(job_id, after=after):
            after = entry.id
            yield ServerSentEvent(
                raw_data=entry.event.model_dump_json(), event=entry.event.kind, id=entry.id
            )
            if entry.event.kind == "job_ended":
                return
        if not _grows(store, job_id):
            return
        progress = store.progress(job_id)
        for work_id, latest in progress.items():
            if said.get(work_id) != latest:
                yield ServerSentEvent(
                    data={"work_id": work_id, **latest.model_dump()}, event="progress"
                )
        said = progress
        store.wait({job_id: after}, for_s=NEWS_S)


def _found(state: JobState, number: int) -> Experiment:
    found = state.experiments.get(ExperimentId(number))
    if found is None:
        last = len(state.experiments) - 1
        raise Unknown(f"job {state.job_id} has experiments 0 to {last}, not {number}")
    return found


def _grows(store: JobStore, job_id: JobId) -> bool:
    """Whether more may come: a client that resumes after the last entry must not wait for ever."""
    return job_id in store.active()
