"""The instruments that the services make, and what Prometheus calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry

NOTE = """
import inspect, json
from opentelemetry import metrics

made = []

class Noting(metrics.NoOpMeter):
    pass

class Provider(metrics.NoOpMeterProvider):
    def get_meter(self, *args, **kwargs):
        return Noting("trex")

def noted(kind):
    create = getattr(metrics.NoOpMeter, f"create_{kind}")
    def note(self, *args, **kwargs):
        said = inspect.signature(create).bind(self, *args, **kwargs).arguments
        made.append((kind, said["name"], said.get("unit", "")))
        return create(self, *args, **kwargs)
    return note

for kind in ("counter", "gauge", "histogram", "observable_gauge"):
    setattr(Noting, f"create_{kind}", noted(kind))
metrics.set_meter_provider(Provider())

import shared.genai, shared.telemetry.measures
from services.planner.metrics import watch
from services.planner.reader import Reader
from shared.store_memory import MemoryStore
from shared.telemetry.gpus import watch_gpus

store = MemoryStore()
watch_gpus()
watch(store, Reader(store))
print(json.dumps(made))
"""
"""Run in a process of its own, for there a provider is set once."""

Instrument = tuple[str, str, str]
"""Kind, name and unit."""


def instruments(smi: Path) -> list[Instrument]:
    """Return every instrument that a service makes, with `nvidia-smi` in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", NOTE],
        env=os.environ | {"PATH": f"{smi}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [(kind, name, unit) for kind, name, unit in json.loads(done.stdout)]


def in_prometheus(made: list[Instrument]) -> set[str]:
    """Return the names of the time series, as OpenTelemetry's exporter for Prometheus has them.

    Prometheus names what it is sent by OTLP by the same rules, but for gauges of unit 1.
    """
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, scope_info_enabled=False)
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("trex")
    for kind, name, unit in made:
        match kind:
            case "counter":
                meter.create_counter(name, unit).add(1)
            case "gauge":
                meter.create_gauge(name, unit).set(1)
            case "histogram":
                meter.create_histogram(name, unit).record(1)
            case "observable_gauge":
                meter.create_observable_gauge(name, [lambda _: [Observation(1)]], unit)
    return {sample.name for family in registry.collect() for sample in family.samples}
