"""A small real HTTP server that answers requests as a test says."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Got:
    """A request, as it reached the server."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """What to answer a request with."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Before the first byte."""
    drip_s: float = 0.0
    """Before each further byte; 0 sends all at once."""


class WebServer:
    """Remembers what it was asked."""

    def __init__(self, answer: Callable[[Got, int], Page]) -> None:
        """Take what answers a request, told how many came before it."""
        self.answer = answer
        self.got: list[Got] = []
        self.url = ""


@contextmanager
def web_server(answer: Callable[[Got, int], Page]) -> Iterator[WebServer]:
    """Serve on a free port of this machine."""
    web = WebServer(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name the library calls
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:  # likewise
            parts = urlsplit(self.path)
            got = Got(parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
            web.got.append(got)
            page = web.answer(got, len(web.got) - 1)
            time.sleep(page.delay_s)
            self._say(page)

        def _say(self, page: Page) -> None:
            body = page.body.encode()
            self.send_response(page.status)
            for name, value in {"Content-Length": str(len(body)), **page.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            parts = [body[at : at + 1] for at in range(len(body))] if page.drip_s else [body]
            for part in parts:
                time.sleep(page.drip_s)
                try:
                    self.wfile.write(part)
                except OSError:  # the client had enough
                    return

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
