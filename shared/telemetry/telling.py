"""The parts of a story that planner and workers tell, from an order to the record of its end.

```text
job
├── order brief ── claim, brief, record
└── order score ── claim, score, record
experiment 1
├── order propose ── claim, propose, record
├── order run ── claim, run, record
│                       └── data, load, train, train, …, save
├── order score ── …
└── order diagnose ── …
```
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, TraceFlags

from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import Failed
from shared.contracts.work import Request, Result
from shared.store import Claim
from shared.telemetry import spans
from shared.telemetry.about import Ids, about
from shared.telemetry.stories import opening_of, told_in, trace_of


def open_job(job_id: JobId) -> None:
    """Open the story of a job that was handed over just now."""
    asked = trace.get_current_span().get_span_context()  # the request that handed it over
    _open(job_id, ROOT, "job", [Link(asked)] if asked.is_valid else [])


@contextmanager
def ordering(job_id: JobId, work_id: WorkId, request: Request, *, again: bool) -> Iterator[None]:
    """Tell that work is ordered, or its doorbell rung again; what is sent meanwhile belongs to it.

    A proposal opens the stories of its experiments, and each names the one it goes on from.
    """
    if not spans.is_on():
        yield
        return
    experiments = told_in(request)
    if isinstance(request, ProposeRequest) and not again:
        grown = Link(_opening(job_id, request.parent))
        for experiment in experiments:
            _open(job_id, experiment, f"experiment {experiment}", [grown])
    known: Ids = {"trex.job_id": job_id, "trex.experiment": experiments[0], "trex.work_id": work_id}
    with (
        about(known),
        spans.beside(_opening(job_id, experiments[0])),
        spans.span(f"{'ring' if again else 'order'} {request.kind}", kind=SpanKind.PRODUCER),
    ):
        yield


@contextmanager
def claimed(claim: Claim, carrier: Mapping[str, str], *, rang_ns: int) -> Iterator[None]:
    """Tell how long work waited until it was claimed; all that follows in the block belongs to it.

    Args:
        claim: what was claimed.
        carrier: came with the doorbell.
        rang_ns: when it rang, by the worker's clock.
    """
    experiment = told_in(claim.request)[0]
    known: dict[str, str | int] = {
        "trex.job_id": claim.job_id,
        "trex.experiment": experiment,
        "trex.work_id": claim.work_id,
        "trex.attempt": claim.attempt,
        "trex.fence": claim.fence,
    }
    if claim.request.kind == "run":
        known["trex.run"] = claim.work_id
    with about(known):
        if not spans.is_on():
            yield
            return
        ordered = spans.sender(carrier)
        sent_ns = min(int(carrier.get(spans.SENT, rang_ns)), rang_ns)  # clocks may differ
        links = [Link(ordered)] if ordered.is_valid else []
        above = ordered if ordered.is_valid else _opening(claim.job_id, experiment)
        with spans.beside(above):
            with spans.span("claim", kind=SpanKind.CONSUMER, links=links, began_ns=sent_ns):
                pass
            yield


@contextmanager
def working(request: Request) -> Iterator[Span]:
    """Tell of work on a request. Each experiment of a proposal has it in its story."""
    began_ns = time.time_ns()
    with ExitStack() as also, spans.span(request.kind) as told:
        if isinstance(request, ProposeRequest):
            also.callback(_mirror, request, told, began_ns)
        yield told


@contextmanager
def recording(result: Result) -> Iterator[None]:
    """Tell that a result is recorded; that it is a failure is said here too."""
    with spans.span("record", {"trex.outcome": result.kind}) as told:
        if isinstance(result, Failed):
            spans.fail(told, result.error, result.detail)
        yield


def _mirror(request: ProposeRequest, told: Span, began_ns: int) -> None:
    for experiment in request.experiments[1:]:
        with (
            spans.beside(_opening(request.job_id, experiment)),
            about({"trex.experiment": experiment}),
            spans.span("propose", links=[Link(told.get_span_context())], began_ns=began_ns),
        ):
            pass


def _opening(job_id: JobId, experiment: ExperimentId) -> SpanContext:
    ids = trace_of(job_id, experiment), opening_of(job_id, experiment)
    return SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _open(job_id: JobId, experiment: ExperimentId, name: str, links: Sequence[Link]) -> None:
    known: Ids = {"trex.job_id": job_id, "trex.experiment": experiment}
    with about(known):
        spans.begin(name, _opening(job_id, experiment), links)
