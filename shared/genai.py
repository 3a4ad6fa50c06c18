"""Tells of questions to language models, by OpenTelemetry's conventions for generative AI.

The conventions change still, so their names stand here and nowhere else. What was asked and what
was answered is never told.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.metrics import get_meter
from opentelemetry.trace import Span, SpanKind

from shared.telemetry.spans import fail, span

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"

_CHAT = "chat"
_OPENAI = "openai"
"""Whose interface all servers here speak; who they are stands in ``server.address``."""

_meter = get_meter("trex")
_TOKENS = _meter.create_histogram(
    "gen_ai.client.token.usage",
    unit="{token}",
    description="Tokens of one question or one reply.",
    explicit_bucket_boundaries_advisory=[4**power for power in range(14)],
)
_DURATION = _meter.create_histogram(
    "gen_ai.client.operation.duration",
    unit="s",
    description="From a question to its reply.",
    explicit_bucket_boundaries_advisory=[0.01 * 2**power for power in range(14)],
)


@dataclass(slots=True)
class Chat:
    """One question, to whom it goes, and what is known of the reply."""

    _span: Span
    _measured: dict[str, str] = field(default_factory=dict)

    def heard(
        self, *, model: str | None, usage: tuple[int, int] | None, finish: str | None
    ) -> None:
        """Note what came back: who says it is, tokens read and written, why it ended."""
        if finish is not None:
            self._span.set_attribute(FINISH_REASONS, [finish])
        if model is not None:
            self._span.set_attribute(RESPONSE_MODEL, model)
            self._measured[RESPONSE_MODEL] = model
        if usage is not None:
            self._span.set_attributes({INPUT_TOKENS: usage[0], OUTPUT_TOKENS: usage[1]})
            for kind, tokens in zip(("input", "output"), usage, strict=True):
                _TOKENS.record(tokens, {**self._measured, TOKEN_TYPE: kind})

    def failed(self, why: str) -> None:
        """Note that no reply came back, and in a word or two why; not what the server says."""
        fail(self._span, why, f"no reply: {why}")


@contextmanager
def chat(model: str, address: str) -> Iterator[Chat]:
    """Tell of a question that is put to a model in the block; an error there is its end."""
    server = urlsplit(address)
    measured = {OPERATION: _CHAT, PROVIDER: _OPENAI, REQUEST_MODEL: model}
    measured["server.address"] = server.hostname or address
    began = time.perf_counter()
    where = {} if server.port is None else {"server.port": server.port}
    try:
        with span(
            f"{_CHAT} {model}", {**measured, **where}, kind=SpanKind.CLIENT, says_why=False
        ) as told:
            yield Chat(told, dict(measured))
    finally:
        _DURATION.record(time.perf_counter() - began, measured)
