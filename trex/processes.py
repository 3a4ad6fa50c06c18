"""Child processes that never outlive their parent."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shared.errors import Rejected, Unavailable

STOP_S = 15.0
"""Seconds a process gets to stop before it is killed."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C reaches its parent alone.

    Its output is appended to ``log``. On Linux it is told to stop when its parent dies, however
    that happens.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_stop_with_parent if _LIBC else None,  # noqa: PLW1509 - one system call
        )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop processes that `start` started, the first given first; kill the ones that will not.

    What a process leaves behind in its session is killed once it is gone: the engine of a server
    that was killed, an interpreter that is still importing.
    """
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    *,
    what: str,
    for_s: float,
) -> None:
    """Return once ``ready()``.

    Raises:
        Unavailable: the process ended first, or ``for_s`` seconds passed.
    """
    deadline = time.monotonic() + for_s
    while not ready():
        if process.poll() is not None:
            raise Unavailable(
                f"wanted {what} to start, found that it ended with status {process.returncode} "
                f"saying {last_words(log)!r}; see {log}"
            )
        if time.monotonic() > deadline:
            raise Unavailable(
                f"wanted {what} to start, found it silent for {for_s:.0f} s; see {log}"
            )
        time.sleep(0.05)


def last_words(log: Path) -> str:
    """Return the last line of a log, or nothing."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else ""


def free_port(wanted: int | None, *, name: str) -> int:
    """Return a loopback port nobody listens on: the wanted one, or any.

    Raises:
        Rejected: the wanted one is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise Rejected(
                f"wanted port {wanted} for {name}, found it taken ({error.strerror}); "
                "give another port, or none to take a free one"
            ) from None
        port: int = probe.getsockname()[1]
        return port


def _stop_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
