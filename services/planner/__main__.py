"""Starts the planner: REST API and planning loop in one process. The only place with real parts."""

import errno
import ipaddress
import logging
import os
import socket
import sys
from threading import Event, Thread

import uvicorn

from services.planner.api import make_api
from services.planner.joining import door_of
from services.planner.loop import PlanningLoop
from shared.artifacts.rows import Shelf
from shared.contracts.base import CONTRACTS
from shared.entry import enter
from shared.errors import Rejected
from shared.notebook_redis import RedisNotebook
from shared.queues import make_app, ring
from shared.settings import ArtifactSettings, PlannerSettings, QueueSettings
from shared.store_redis import RedisStore, connect

logger = logging.getLogger(__name__)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C and return the exit status."""
    return enter(
        "planner",
        lambda: serve(PlannerSettings(), QueueSettings(), ArtifactSettings()),
        has_api=True,
    )


def serve(settings: PlannerSettings, queue: QueueSettings, artifacts: ArtifactSettings) -> None:
    """Listen, plan, and stop together."""
    _refuse_open_door(settings)
    shelf = None if artifacts.url is None else Shelf(artifacts)
    door = door_of(settings, queue, artifacts)
    listening = _listen(settings.host, settings.port)
    url = queue.url.get_secret_value()
    client, app = connect(url), make_app("planner", url)
    store = RedisStore(client)
    store.ping()
    store.set_contracts(CONTRACTS)
    planner = f"{socket.gethostname()}:{os.getpid()}"
    loop = PlanningLoop(store, lambda job, work, request: ring(app, job, work, request), planner)
    token = settings.token.get_secret_value() if settings.token else None
    server = uvicorn.Server(
        uvicorn.Config(
            make_api(store, RedisNotebook(client), token=token, door=door, shelf=shelf),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
    stopping = Event()
    planning = Thread(target=_plan, args=(loop, stopping, server), name="planning")
    planning.start()
    logger.info("ready on http://%s:%d", settings.host, listening.getsockname()[1])
    try:
        server.run(sockets=[listening])
    finally:
        stopping.set()
        planning.join()


def _plan(loop: PlanningLoop, stopping: Event, server: uvicorn.Server) -> None:
    try:
        loop.run(stopping)
    finally:
        # A planner that cannot plan must not go on answering as if it could.
        server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            found, change = "it taken", "TREX_PLANNER_PORT to a free port"
        else:
            found, change = "that impossible", "TREX_PLANNER_HOST and TREX_PLANNER_PORT"
        raise Rejected(
            f"wanted to listen on {host}:{port}, found {found} ({error.strerror}); set {change}"
        ) from None
    return listening


def _refuse_open_door(settings: PlannerSettings) -> None:
    try:
        loopback = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = settings.host == "localhost"
    if not loopback and settings.token is None:
        raise Rejected(
            f"wanted a token to listen on {settings.host}, found none; "
            "set TREX_PLANNER_TOKEN, or TREX_PLANNER_HOST=127.0.0.1"
        )


if __name__ == "__main__":
    sys.exit(main())
