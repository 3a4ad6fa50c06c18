"""The planner's real API on loopback, over stores in memory, for commands to talk to."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from typer.testing import CliRunner, Result

from services.planner.api import make_api
from services.planner.joining import Door
from shared.artifacts.rows import Shelf
from shared.notebook_memory import MemoryNotebook
from shared.store_memory import MemoryStore
from trex.cli import app


@dataclass
class RealApi:
    """What it serves, and where."""

    store: MemoryStore = field(default_factory=MemoryStore)
    notebook: MemoryNotebook = field(default_factory=MemoryNotebook)
    url: str = ""

    def trex(self, *words: str) -> Result:
        where = {"TREX_HOME": "/nowhere", "TREX_URL": self.url, "COLUMNS": "120"}
        return CliRunner(env=where).invoke(app, list(words))


@contextmanager
def real_api(
    port: int = 0, *, door: Door | None = None, shelf: Shelf | None = None
) -> Iterator[RealApi]:
    api = RealApi()
    listening = socket.create_server(("127.0.0.1", port))
    api.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = make_api(api.store, api.notebook, token=None, door=door, shelf=shelf)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield api
    finally:
        server.should_exit = True
        thread.join()
