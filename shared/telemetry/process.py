"""Turns telemetry on for a process, if anybody wants it, and has nothing lost at its end."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from shared.settings import MetricsSettings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own variable; unset turns everything off that is sent."""


def is_wanted() -> bool:
    """Whether spans and metrics are to be sent somewhere."""
    return bool(os.environ.get(ENDPOINT))


@contextmanager
def observed(service: str, serving: MetricsSettings | None = None) -> Iterator[None]:
    """Send what this process tells while the block runs, and serve what it measures.

    Where anything is sent, SIGTERM leaves through all blocks, so that each tells its end.

    Args:
        service: whose process it is.
        serving: where to serve metrics; None or no port serves none.

    Raises:
        Rejected: the port is taken.
    """
    with ExitStack() as stack:
        if is_wanted():
            from shared.telemetry.sdk import send

            signal.signal(signal.SIGTERM, _leave)
            stack.callback(send(service))
        if serving is not None and serving.port is not None:
            from shared.telemetry.sdk import listen

            stack.callback(listen(service, serving.host, serving.port))
        yield


def _leave(number: int, _: Any) -> None:
    sys.exit(128 + number)
