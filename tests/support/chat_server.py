"""A small real server that speaks OpenAI's chat completions and misbehaves on demand."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEY = "secret"


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer a request with."""

    text: str | None = "fine"
    finish_reason: str = "stop"
    delay_s: float = 0.0
    tokens: int | None = 10
    """What it cost; None of a server that does not say."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Anything but a chat completion."""

    status: int
    body: str
    content_type: str = "application/json"


HANG_UP = Raw(0, "")
"""Closes the connection without a word."""

Behaviour = Callable[[str, int], Reply | Raw]
"""From a question, and how often it was asked before, to what happens."""


def fine(question: str, before: int) -> Reply:
    """Answer every question with itself."""
    return Reply(f"to {question}")


def problem(status: int, message: str) -> Raw:
    """Refuse as OpenAI and vLLM do."""
    return Raw(status, json.dumps({"error": {"message": message, "code": status}}))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what the tests are about."""


class ChatServer:
    """Answers ``POST /v1/chat/completions`` while the block runs."""

    def __init__(self, behave: Behaviour = fine) -> None:
        self.behave = behave
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        chat = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                chat.answer(self)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        with self._lock:
            self.bodies.append(body)
            before = self.asked[question]
            self.asked[question] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self._reply(request, question, before)
        finally:
            with self._lock:
                self._at_once -= 1

    def _reply(self, request: BaseHTTPRequestHandler, question: str, before: int) -> None:
        if request.path != "/v1/chat/completions":
            _send(request, problem(404, "Not Found"))
        elif request.headers["Authorization"] != f"Bearer {KEY}":
            _send(request, problem(401, "no such key"))
        else:
            match self.behave(question, before):
                case Reply() as reply:
                    time.sleep(reply.delay_s)
                    _send(request, _completion(reply))
                case Raw() as raw if raw is HANG_UP:
                    request.close_connection = True
                case raw:
                    _send(request, raw)


def _completion(reply: Reply) -> Raw:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "finish_reason": reply.finish_reason,
    }
    body = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    if reply.tokens is not None:
        usage = {"prompt_tokens": 1, "completion_tokens": reply.tokens - 1}
        body["usage"] = {**usage, "total_tokens": reply.tokens}
    return Raw(200, json.dumps(body))


def _send(request: BaseHTTPRequestHandler, raw: Raw) -> None:
    body = raw.body.encode()
    request.send_response(raw.status)
    request.send_header("Content-Type", raw.content_type)
    request.send_header("Content-Length", str(len(body)))
    request.send_header("retry-after-ms", "1")  # tests have no time for real pauses
    request.end_headers()
    request.wfile.write(body)
