"""OpenTelemetry's SDK: the only module that imports it. It takes a tenth of a second."""

import os
import secrets
import socket
from collections.abc import Callable
from importlib.metadata import version
from threading import Thread

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from shared.errors import Rejected
from shared.telemetry import spans

DELAY_MS = 1000
"""Milliseconds between two exports of spans, which is what a process that is killed takes along."""

LEAVE_S = 5.0
"""Seconds that a process which ends waits for its last words to be taken."""


class Ids(IdGenerator):
    """Random ids, but for spans that open a story.

    Not from the module ``random``, as the SDK's are: training seeds it, which would give ids twice,
    and what is trained must not depend on what is told.
    """

    def generate_trace_id(self) -> int:
        """Return the id of a trace that begins."""
        chosen = spans.chosen.get()
        return secrets.randbits(128) if chosen is None else chosen.trace_id

    def generate_span_id(self) -> int:
        """Return the id of a span that begins."""
        chosen = spans.chosen.get()
        return secrets.randbits(64) if chosen is None else chosen.span_id


def send(service: str) -> Callable[[], None]:
    """Send spans and metrics from now on, by OTLP over HTTP; return what sends the rest and ends.

    Where to, and how often, stands in OpenTelemetry's own variables. For each process anew: threads
    do the sending, and a fork has none.
    """
    resource = resource_of(service)
    tracers = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    every_ms = float(os.environ.get("OTEL_BSP_SCHEDULE_DELAY", DELAY_MS))
    tracers.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=every_ms)
    )
    trace.set_tracer_provider(tracers)
    spans.use(tracers.get_tracer("trex"))
    meters = measure(service, PeriodicExportingMetricReader(OTLPMetricExporter()))

    def end() -> None:
        spans.use(None)
        # Side by side, and not for longer than somebody who stops a service waits.
        leaving = [Thread(target=one.shutdown, daemon=True) for one in (tracers, meters)]
        for thread in leaving:
            thread.start()
        for thread in leaving:
            thread.join(LEAVE_S)

    return end


def measure(service: str, reader: MetricReader) -> MeterProvider:
    """Have a reader read this process's instruments, beside those that do so already."""
    meters = metrics.get_meter_provider()
    if isinstance(meters, MeterProvider):
        meters.add_metric_reader(reader)
        return meters
    first = MeterProvider([reader], resource=resource_of(service), shutdown_on_exit=False)
    metrics.set_meter_provider(first)
    return first


def exposed(service: str) -> Callable[[], bytes]:
    """Return what says in Prometheus' words what this process's instruments say."""
    registry = CollectorRegistry()
    measure(service, PrometheusMetricReader(registry=registry, scope_info_enabled=False))
    return lambda: generate_latest(registry)


def listen(service: str, host: str, port: int) -> Callable[[], None]:
    """Serve this process's instruments to Prometheus at ``/metrics``; return what stops that.

    Raises:
        Rejected: the port is taken.
    """
    registry = CollectorRegistry()
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise Rejected(
            f"wanted to serve metrics on {host}:{port}, found it taken ({error.strerror}); set "
            "TREX_METRICS_PORT to a free port"
        ) from None
    measure(service, PrometheusMetricReader(registry=registry, scope_info_enabled=False))

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def resource_of(service: str) -> Resource:
    """Return who speaks: this process of this service."""
    return Resource.create(
        {
            "service.namespace": "open-trex",
            "service.name": service,
            "service.version": version("open-trex"),
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
    )
