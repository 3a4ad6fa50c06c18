"""A small real HTTP server that answers as a system would, for the client's tests."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from shared.contracts.base import Contract, ExperimentId, JobId, WorkId
from shared.contracts.counsel import Counsel, Spend
from shared.contracts.events import JobEnded, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.job import Budget, JobData, JobSpec, MetricName
from shared.contracts.mapping import Templates
from shared.contracts.method import FullTuning, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.plan import JobDraft
from shared.contracts.proposal import Gain
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress, RunRequest, Trained
from shared.contracts.score import BadCase, Confusion, Fault
from shared.contracts.system_views import FileView, SystemView
from shared.contracts.views import (
    Comparison,
    Cost,
    ExperimentView,
    JobState,
    JobView,
    NodeView,
    PlanView,
    Report,
    ScoreView,
    Spent,
    TreeView,
)
from tests.support.examples import BRIEF, CPU, DRAFT, LESSON, PLAN, TOKENISED
from trex.client import Address

TOKEN = "secret"
JOB = JobId("j-1")
MAPPING = Templates(prompt="{text}", completion="{iso}")
SPEC = JobSpec(
    goal="Write dates as ISO 8601",
    base_model="tiny",
    data=JobData(train="/d/train.jsonl", dev="/d/dev.jsonl", mapping=MAPPING),
    metric=MetricName.EXACT_MATCH,
    budget=Budget(experiments=4, gpu_seconds=600.0),
)
RECIPE = Recipe(
    base_model="tiny",
    data=(Load(path="/d/train.jsonl", sha256="0" * 64), Map(mapping=MAPPING)),
    method=Sft(
        learning_rate=1e-3, num_train_epochs=1.0, per_device_train_batch_size=8, max_length=64
    ),
    adapter=FullTuning(),
)
TRAINED = Trained(
    checkpoint="/c/run-1",
    train_loss=0.25,
    train_curve=(),
    held_out_curve=(),
    rows=(),
    tokenised=TOKENISED,
    micro_batch=8,
    steps=40,
    tokens=9000,
    stopped="done",
    gpu_seconds=12.0,
)
SYSTEM = SystemView(
    researchers=1,
    executors=3,
    evaluators=1,
    machines=(
        CPU,
        CPU.model_copy(update={"device": "H100", "devices": 2, "bf16": True, "quantised": True}),
    ),
)
EVENTS: tuple[Contract, ...] = (
    JobSubmitted(job_id=JOB, spec=SPEC),
    WorkOrdered(
        work_id=WorkId("run-1"),
        request=RunRequest(job_id=JOB, experiment=ExperimentId(1), recipe=RECIPE, limit_s=60.0),
        why="its recipe is new",
    ),
    WorkEnded(work_id=WorkId("run-1"), attempt=1, result=TRAINED),
    JobEnded(how="finished", reason="the budget is used", best=ExperimentId(1)),
)


def score(value: float, stderr: float | None = 0.02) -> ScoreView:
    return ScoreView(
        metric=MetricName.EXACT_MATCH,
        value=value,
        stderr=stderr,
        n=100,
        engine="canned",
        certificate=None,
    )


def node(number: int, parent: int | None, **fields: object) -> NodeView:
    usual: dict[str, object] = {
        "experiment": number,
        "parent": parent,
        "state": "done",
        "sentence": "as proposed",
        "changed": (),
        "visits": 1,
        "score": None,
        "fidelity": None,
        "went_on": (),
        "believed": None,
        "deviation": None,
        "confirm": None,
        "progress": None,
    }
    return NodeView.model_validate({**usual, **fields})


def job(state: JobState = "finished", **fields: object) -> JobView:
    usual: dict[str, object] = {
        "job_id": JOB,
        "goal": SPEC.goal,
        "state": state,
        "sentence": "the budget is used",
        "submitted_at": 1000.0,
        "budget": SPEC.budget,
        "spent": Spent(experiments=3, runs=3.0, gpu_seconds=61.0, wall_clock_s=3661.0),
        "base": score(0.204),
        "best": score(0.912),
        "best_experiment": 1,
        "warnings": (),
    }
    return JobView.model_validate({**usual, **fields})


NODES = (
    node(0, None, score=score(0.204)),
    node(1, 0, score=score(0.912), changed=("learning_rate 0.0002 → 0.001",)),
    node(2, 0, state="failed", sentence="Diverged: the loss became NaN"),
    node(
        3,
        1,
        state="training",
        changed=("num_train_epochs 1 → 2",),
        progress=Progress(
            phase="training", step=120, steps=640, loss=0.532, tokens_per_s=1240.0, eta_s=130.0
        ),
    ),
)


FAULTS = (
    Fault(
        kind="cut",
        count=7,
        examples=(BadCase(prompt="3 May", expected="05-03", got="The third\nof"),),
    ),
)


def report(ended: JobView) -> Report:
    best = ExperimentView(
        node=NODES[1],
        why="nothing was tried yet",
        choice=None,
        runs=(),
        expects=None,
        proposer="llm",
        direction="hyperparameters",
        hypothesis="the loss fell too slowly",
        gain=Gain(low=-0.01, mean=0.03, high=0.08),
        falsifier="the loss falls no faster",
        predicted_s=130.0,
        counsel=Counsel(
            model="qwen3",
            calls=2,
            spend=Spend(tokens=12_400, money=0.0031),
            dropped=("#2 did that and lost 0.080",),
        ),
        recipe=RECIPE,
        recipe_sha256="0" * 64,
        outcome=TRAINED,
        faults=FAULTS,
        confusions=(Confusion(expected="May", got="March", count=3),),
        lesson=LESSON.model_copy(update={"cause": "it was too low", "confidence": 0.8}),
    )
    return Report(
        job=ended,
        spec=SPEC,
        best=best,
        checkpoint="/c/run-1",
        dev=Comparison(
            split="dev",
            base=score(0.204),
            best=score(0.912),
            difference=0.708,
            stderr=0.03,
            probability=1.0,
        ),
        test=None,
        lessons=(),
        failures=(),
        finalists=(),
        choices=(),
        markdown="# Report\n\nIt worked.",
    )


def plan(state: JobState = "waiting", **fields: object) -> PlanView:
    cost = Cost(full_runs=4, expected_s=40.0, most_s=600.0, llm_tokens=9000, money=None)
    usual: dict[str, object] = {
        "job": job(state),
        "draft": DRAFT,
        "plan": PLAN,
        "cost": cost,
    }
    return PlanView.model_validate({**usual, **fields})


class CannedSystem:
    """Knows one job. What it answers may be changed at any time; what it was asked is kept."""

    def __init__(self) -> None:
        self.jobs = [job()]
        self.brief = BRIEF
        self.tree = TreeView(job=self.jobs[0], nodes=NODES)
        self.refusal: tuple[int, str] | None = None
        self.break_off_after: list[int] = []
        """How many messages each of the next streams sends before it breaks."""
        self.asked: list[tuple[str, str]] = []
        self.resumed_after: list[str | None] = []
        self.submitted: list[JobSpec] = []
        self.drafted: list[JobDraft] = []
        self.planned = plan()
        self.approved: list[JobSpec] = []

    @property
    def address(self) -> Address:
        return Address(f"http://127.0.0.1:{self._server.server_port}", TOKEN, origin="TREX_TOKEN")

    def __enter__(self) -> Self:
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                system.answer(self)

            def do_POST(self) -> None:
                system.answer(self)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = (request.command, request.path)
        self.asked.append(asked)
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        if not known and request.path != "/health/live":
            _problem(request, 401, "no such token")
        elif self.refusal is not None:
            _problem(request, *self.refusal)
        elif asked == ("GET", "/v1/jobs"):
            _send(request, 200, f"[{','.join(job.model_dump_json() for job in self.jobs)}]")
        else:
            self._answer_about(self.jobs[0], asked, body, request)

    def _answer_about(
        self, ended: JobView, asked: tuple[str, str], body: bytes, request: BaseHTTPRequestHandler
    ) -> None:
        match asked:
            case ("GET", "/health/live"):
                _send(request, 200, "{}")
            case ("GET", "/v1/system"):
                _send(request, 200, SYSTEM.model_dump_json())
            case ("GET", path) if path.startswith("/v1/files/"):
                _send(request, 200, FileView(name=None, there=False).model_dump_json())
            case ("POST", "/v1/jobs"):
                self.submitted.append(JobSpec.model_validate_json(body))
                _send(request, 202, ended.model_dump_json())
            case ("POST", "/v1/plans"):
                self.drafted.append(JobDraft.model_validate_json(body))
                _send(request, 202, job("planning").model_dump_json())
            case ("GET", "/v1/plans/j-1"):
                draft = self.drafted[-1] if self.drafted else self.planned.draft
                view = self.planned.model_copy(update={"draft": draft})
                _send(request, 200, view.model_dump_json())
            case ("POST", "/v1/plans/j-1/approve"):
                self.approved.append(JobSpec.model_validate_json(body))
                _send(request, 202, job("searching").model_dump_json())
            case ("GET", "/v1/jobs/j-1"):
                _send(request, 200, ended.model_dump_json())
            case ("GET", "/v1/jobs/j-1/tree"):
                _send(request, 200, self.tree.model_dump_json())
            case ("GET", "/v1/jobs/j-1/experiments/1"):
                best = report(ended).best
                _send(request, 200, best.model_dump_json() if best else "null")
            case ("GET", "/v1/jobs/j-1/brief"):
                _send(request, 200, self.brief.model_dump_json())
            case ("GET", "/v1/jobs/j-1/report"):
                _send(request, 200, report(ended).model_dump_json())
            case ("POST", "/v1/jobs/j-1/cancel"):
                _send(request, 202, job("finishing").model_dump_json())
            case ("GET", "/v1/jobs/j-1/events"):
                self._stream(request)
            case ("GET", "/v1/jobs/j-lost/events"):
                _send(request, 200, "")  # a stream that fails after its head was sent
            case _:
                _problem(request, 404, f"wanted a job, found none at {request.path}")

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        last = request.headers.get("Last-Event-ID")
        self.resumed_after.append(last)
        texts = [": hello\n\n", 'event: progress\ndata: {"phase": "training"}\n\n']
        for number, event in enumerate(EVENTS, start=1):
            if number > int(last or 0):
                kind = event.model_dump()["kind"]
                texts.append(f"id: {number}\nevent: {kind}\ndata: {event.model_dump_json()}\n\n")
        if self.break_off_after:
            texts = texts[: 2 + self.break_off_after.pop(0)]
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        for text in texts:
            request.wfile.write(text.encode())


def _send(request: BaseHTTPRequestHandler, status: int, body: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    request.wfile.write(body.encode())


def _problem(request: BaseHTTPRequestHandler, status: int, detail: str) -> None:
    found = {"type": "about:blank", "title": "refused", "status": status, "detail": detail}
    _send(request, status, json.dumps(found))
