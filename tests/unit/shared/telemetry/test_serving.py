"""Metrics of a worker, at a port of its own."""

from collections.abc import Iterator

import httpx
import pytest

from shared.errors import Rejected
from shared.settings import MetricsSettings
from shared.telemetry.measures import SCORED_ITEMS
from shared.telemetry.process import observed
from trex.processes import free_port


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    port = free_port(None, name="metrics")
    with observed("evaluator", MetricsSettings(port=port)):
        yield port


def test_a_worker_serves_what_it_measures(port: int) -> None:
    SCORED_ITEMS.set(12.5)

    served = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert "trex_eval_items_per_second 12.5" in served


def test_a_port_that_is_taken_is_said_in_one_sentence(port: int) -> None:
    wanted = rf"wanted to serve metrics on 127.0.0.1:{port}, found it taken .*set TREX_METRICS_PORT"

    with (
        pytest.raises(Rejected, match=wanted),
        observed("executor", MetricsSettings(port=port)),
    ):
        pass


def test_metrics_are_served_no_longer_than_the_worker_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    port = free_port(None, name="metrics")
    with observed("evaluator", MetricsSettings(port=port)):
        pass

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
