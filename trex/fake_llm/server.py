"""Serves a play over HTTP, on this machine only, in the forms of OpenAI and vLLM."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from shared.errors import Rejected
from trex.fake_llm.answers import Answer, Body, HangsUp, Play, Refuses, Says, Stalls
from trex.fake_llm.completions import completion, events, read_tokens, tokens_of
from trex.fake_llm.plays import valid

WINDOW = 32768


class FakeLlm:
    """Answers while the block runs, and remembers what it was asked."""

    def __init__(
        self,
        play: Play = valid,
        *,
        port: int = 0,
        model: str = "fake",
        window: int = WINDOW,
        key: str | None = None,
        takes_schemas: bool = True,
        tokenizes: bool = True,
    ) -> None:
        """Take what to play, and what kind of a server to be.

        Args:
            play: may be replaced while it runs.
            port: 0 takes a free one.
            model: its name.
            window: tokens of question and reply together.
            key: that requests must bring; None takes any.
            takes_schemas: False refuses a ``response_format``, as some servers do.
            tokenizes: False has no ``/tokenize``.
        """
        self.play = play
        self.model = model
        self.window = window
        self.key = key
        self.takes_schemas = takes_schemas
        self.tokenizes = tokenizes
        self.asked: list[Body] = []
        """Bodies of all requests for chat completions, in the order they came."""
        self.over = threading.Event()
        self._port = port
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What ``OPENAI_BASE_URL`` would be."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        """Begin to answer.

        Raises:
            Rejected: somebody else has the port.
        """
        try:
            self._server = _Server(("127.0.0.1", self._port), _handler(self))
        except OSError as error:
            raise Rejected(
                f"wanted port {self._port} of 127.0.0.1, found: {error.strerror}; take another"
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: Body) -> Answer:
        """Note a request for a chat completion, and return what to do with it."""
        with self._lock:
            nth = len(self.asked)
            self.asked.append(body)
            if body.get("model") != self.model:
                return Refuses(404, f"The model `{body.get('model')}` does not exist.")
            if not self.takes_schemas and "response_format" in body:
                return Refuses(400, "response_format of type json_schema is not supported")
            asked = read_tokens(body) + int(body.get("max_tokens") or 0)
            if asked > self.window:
                return Refuses(
                    400, f"This model's maximum context length is {self.window}, not {asked} tokens"
                )
            return self.play(body, nth)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is none of our concern."""


def _handler(fake: FakeLlm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if not self._is_let_in():
                return
            if self.path != "/v1/models":
                self._refuse(Refuses(404, "Not Found"))
                return
            model = {"id": fake.model, "object": "model", "max_model_len": fake.window}
            self._send(200, {"object": "list", "data": [model]})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if not self._is_let_in():
                return
            body = json.loads(raw)
            if self.path == "/tokenize" and fake.tokenizes:
                count = tokens_of(body["prompt"])
                found = {"count": count, "max_model_len": fake.window, "tokens": [0] * count}
                self._send(200, found)
            elif self.path == "/v1/chat/completions":
                self._perform(body, fake.answer(body))
            else:
                self._refuse(Refuses(404, "Not Found"))

        def _is_let_in(self) -> bool:
            shown = self.headers["Authorization"]
            if fake.key is None or shown == f"Bearer {fake.key}":
                return True
            self._refuse(Refuses(401, f"Incorrect API key provided: {shown}"))
            return False

        def _perform(self, body: Body, answer: Answer) -> None:
            match answer:
                case Says() if body.get("stream"):
                    self._stream(body, answer)
                case Says():
                    self._send(200, completion(body, answer))
                case Refuses():
                    self._refuse(answer)
                case Stalls(seconds):
                    fake.over.wait(seconds)
                    self.close_connection = True
                case HangsUp(text):
                    self._hang_up(body, text)

        def _refuse(self, refusal: Refuses) -> None:
            # Servers repeat the key they refuse.
            shown = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            message = refusal.message.replace("<YOUR KEY>", shown)
            self._send(
                refusal.status,
                {"error": {"message": message, "code": refusal.status}},
                retry_after_s=refusal.retry_after_s,
            )

        def _send(self, status: int, found: object, *, retry_after_s: int | None = None) -> None:
            raw = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if retry_after_s is not None:
                self.send_header("Retry-After", str(retry_after_s))
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self, body: Body, says: Says) -> None:
            self._start_stream()
            for event in events(body, says):
                self._write_event(json.dumps(event))
            self._write_event("[DONE]")

        def _hang_up(self, body: Body, text: str) -> None:
            if body.get("stream"):
                self._start_stream()
                self._write_event(json.dumps(next(iter(events(body, Says(text))))))
                return
            raw = json.dumps(completion(body, Says(text))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) // 2])
            self.close_connection = True

        def _start_stream(self) -> None:
            self.close_connection = True  # its end is the end of the connection
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()

        def _write_event(self, text: str) -> None:
            self.wfile.write(f"data: {text}\n\n".encode())
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler
