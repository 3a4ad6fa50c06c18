"""Log lines, to stderr: sentences a person can read, or JSON with the ids of the present work."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from opentelemetry import trace

from shared.telemetry.about import ids


def start_logging(service: str, format: Literal["text", "json"] = "text") -> None:
    """Send this process's logs to stderr, information and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service) if format == "json" else _sentences(service))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(format == "json")
    for chatty in (
        "aiobotocore",
        "botocore",
        "httpx",
        "httpx2",
        "openai",
        "celery",
        "kombu",
        "uvicorn.access",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Says four times that a collector is away, and then that it is.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)


def _sentences(service: str) -> logging.Formatter:
    return logging.Formatter(f"%(asctime)s %(levelname)-7s {service}: %(message)s", "%H:%M:%S")


class _JsonLines(logging.Formatter):
    """One object a line: what was said, where in which trace, and about which work."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
            "logger": record.name,
            **{name.removeprefix("trex."): value for name, value in ids().items()},
        }
        told = trace.get_current_span().get_span_context()
        if told.is_valid:
            line["trace_id"] = trace.format_trace_id(told.trace_id)
            line["span_id"] = trace.format_span_id(told.span_id)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
