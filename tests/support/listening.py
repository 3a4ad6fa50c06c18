"""Listens to what this process tells, without sending it anywhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import spans
from shared.telemetry.sdk import Ids, measure, resource_of
from tests.support.otlp import Told, told_by


class Listener:
    """Remembers every span that ends."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def spans(self) -> list[Told]:
        return list(told_by(encode_spans(self._exporter.get_finished_spans())))

    def named(self, name: str) -> Told:
        [found] = [span for span in self.spans if span.name == name]
        return found


@contextmanager
def listening() -> Iterator[Listener]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        id_generator=Ids(), resource=resource_of("test"), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(provider.get_tracer("trex"))
    try:
        yield Listener(exporter)
    finally:
        spans.use(None)


class Meter:
    """Reads the instruments of this process."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = measure("test", self._reader)

    def points(self, name: str) -> list[tuple[Mapping[str, Any], float]]:
        """Attributes and value of each point of a metric, of a histogram the sum."""
        read = self._reader.get_metrics_data()
        return [
            (dict(point.attributes or {}), point.sum if hasattr(point, "sum") else point.value)
            for resource in (read.resource_metrics if read else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def close(self) -> None:
        self._provider.remove_metric_reader(self._reader)
