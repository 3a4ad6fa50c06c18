"""A small real collector: takes OTLP over HTTP and remembers what it was sent."""

import gzip
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True, slots=True)
class Told:
    """A span as it was sent."""

    service: str
    process: str
    name: str
    kind: str
    """Such as ``CLIENT``."""
    trace: str
    id: str
    parent: str
    """Empty for a span that opens a trace."""
    links: tuple[tuple[str, str], ...]
    """Trace and span of each."""
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Any]
    error: str | None
    """The reason of one that failed."""
    events: int

    @property
    def seconds(self) -> float:
        return (self.ended_ns - self.began_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """One point of a metric."""

    service: str
    name: str
    attributes: Mapping[str, Any]
    value: float
    """Of a histogram the sum."""


class Collector:
    """Takes ``POST /v1/traces`` and ``/v1/metrics`` while the block runs."""

    def __init__(self) -> None:
        self.spans: list[Told] = []
        self.points: list[Measured] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        with self._lock:
            match path:
                case "/v1/traces":
                    self.spans += told_by(ExportTraceServiceRequest.FromString(body))
                case "/v1/metrics":
                    self.points += _points(ExportMetricsServiceRequest.FromString(body))
                case _:
                    raise AssertionError(f"nothing is sent to {path}")


def told_by(sent: ExportTraceServiceRequest) -> Iterator[Told]:
    """Yield the spans of a request."""
    for resource in sent.resource_spans:
        whose = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                failed = span.status.code == Status.STATUS_CODE_ERROR
                yield Told(
                    service=whose["service.name"],
                    process=whose["service.instance.id"],
                    name=span.name,
                    kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    links=tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links),
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    error=span.status.message if failed else None,
                    events=len(span.events),
                )


def _points(sent: ExportMetricsServiceRequest) -> Iterator[Measured]:
    for resource in sent.resource_metrics:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, str(kind)).data_points:
                    value = point.sum if kind == "histogram" else point.as_double or point.as_int
                    yield Measured(service, metric.name, _attributes(point.attributes), value)


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in _each(pairs)}


def _each(pairs: Any) -> Iterator[KeyValue]:
    yield from pairs


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)
