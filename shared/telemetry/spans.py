"""Spans, and the context that travels with messages and into processes. No-ops while it is off."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import context, trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.errors import Interrupted
from shared.telemetry.about import Ids, about, ids

SENT = "sent_ns"
"""When what is carried was sent: nanoseconds since 1970, by the sender's clock."""

chosen: ContextVar[trace.SpanContext | None] = ContextVar("chosen", default=None)
"""The ids of the span that is begun now; None lets them be random."""

_W3C = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Tell through a tracer from now on, or not at all."""
    global _tracer  # noqa: PLW0603 - one a process, as its exporter is
    _tracer = tracer


def is_on() -> bool:
    """Whether anybody listens."""
    return _tracer is not None


@contextmanager
def span(
    name: str,
    attributes: Ids | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[Link] = (),
    began_ns: int | None = None,
    says_why: bool = True,
) -> Iterator[Span]:
    """Tell of the block: a child of the block around it, with the ids of the present work.

    An error makes it a failed one, with the reason unless that may say what nobody else should
    read; work that was told to stop has not failed.
    """
    if _tracer is None:
        yield trace.INVALID_SPAN
        return
    opened = _tracer.start_span(
        name,
        attributes={**ids(), **(attributes or {})},
        kind=kind,
        links=links,
        start_time=began_ns,
    )
    with trace.use_span(
        opened, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield opened
        except Interrupted as interrupted:
            opened.set_attribute("trex.interrupted", type(interrupted).__name__)
            raise
        except Exception as error:
            fail(opened, type(error).__name__, str(error) if says_why else "")
            raise


def begin(name: str, as_one: trace.SpanContext, links: Sequence[Link]) -> None:
    """Open a story: tell of this moment, with ids that all who go on with it know."""
    if _tracer is None:
        return
    token = chosen.set(as_one)
    try:
        _tracer.start_span(name, context.Context(), attributes=ids(), links=links).end()
    finally:
        chosen.reset(token)


def fail(failed: Span, error: str, reason: str) -> None:
    """Mark a span as failed, with the name of an error and the reason in one sentence."""
    failed.set_attribute("error.type", error)
    failed.set_status(Status(StatusCode.ERROR, reason or error))


@contextmanager
def beside(neighbour: trace.SpanContext) -> Iterator[None]:
    """Let what the block tells be children of a span, wherever that was told."""
    around = trace.set_span_in_context(trace.NonRecordingSpan(neighbour))
    token = context.attach(around)
    try:
        yield
    finally:
        context.detach(token)


def carried() -> dict[str, str]:
    """Return what has a message or a process go on with the present story; empty while it is off.

    That is the W3C ``traceparent``, when this was asked, and the ids of the present work.
    """
    if not trace.get_current_span().is_recording():
        return {}
    carrier = {SENT: str(time.time_ns()), **{name: str(value) for name, value in ids().items()}}
    _W3C.inject(carrier)
    return carrier


def sender(carrier: Mapping[str, str]) -> trace.SpanContext:
    """Return which span something was sent from; an invalid one where nothing was carried."""
    return trace.get_current_span(_W3C.extract(carrier)).get_span_context()


@contextmanager
def going_on(carrier: Mapping[str, str]) -> Iterator[None]:
    """Go on with the story that was carried here while the block runs."""
    told = {name: value for name, value in carrier.items() if name.startswith("trex.")}
    with (
        about({name: int(v) if v.isdecimal() else v for name, v in told.items()}),
        beside(sender(carrier)),
    ):
        yield
