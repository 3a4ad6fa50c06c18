"""A whole system on one machine: the embedded server and every service as child processes."""

import fcntl
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from shared.errors import Rejected, TrexError, Unavailable
from shared.settings import FtbenchSettings
from shared.vault import make_vault
from trex.client import Address
from trex.processes import free_port, last_words, start, stop
from trex.sealing import vault_of
from trex.seclusion import secluded, why_not
from trex.server import serving

READY_S = 120.0
"""Seconds all services get to say that they are ready; importing torch takes most of it."""

RESTARTS = 5
"""Times one service may die within `RESTARTS_WITHIN_S` before the system gives up."""

RESTARTS_WITHIN_S = 60.0

LOOK_S = 0.2
"""Seconds between two looks at the services."""

SPIN_COUNT = "20000"
"""Turns an idle OpenMP thread spins before it sleeps. Spinning for longer, the default, starves the
other processes of a busy machine; sleeping at once halves the speed of small models."""

MEANT_FOR = {
    "FTBENCH_DATA": "evaluator",
    "OPENAI_": "researcher",
    "S2_API_KEY": "researcher",
    "TREX_EVALUATOR_": "evaluator",
    "TREX_JUDGE_": "evaluator",
    "TREX_LAUNCHER_": "executor",
    "TREX_LOG_": "",
    "TREX_RESEARCHER_": "researcher",
    "TREX_TEACHER_": "executor",
}
"""How settings begin that a person may give, and the only service that sees them, "" for all:
sealed answers and a judge's key are the evaluator's business alone, the key of a teacher is the
executors', and that of the language model the researcher's."""

Say = Callable[[str], None]


class System:
    """Running services. Dead ones are started again; their work is taken up where its record is."""

    def __init__(
        self,
        address: Address,
        commands: dict[str, list[str]],
        environment: dict[str, str],
        logs: Path,
        say: Say,
    ) -> None:
        self.address = address
        self._commands = commands
        self._environment = environment
        self._logs = logs
        self._say = say
        self._deaths: dict[str, list[float]] = {name: [] for name in commands}
        self._failure: TrexError | None = None
        self._stopping = threading.Event()
        self._processes = {name: self._start(name) for name in commands}
        self._watcher = threading.Thread(target=self._watch, name="watching services")
        self._watcher.start()

    def wait(self) -> None:
        """Return when the system was told to stop.

        Raises:
            Unavailable: a service keeps dying.
            Rejected: a service refuses its settings.
        """
        while not self._stopping.wait(LOOK_S):
            self.check()

    def check(self) -> None:
        """Return while all is well.

        Raises:
            Unavailable: a service keeps dying.
            Rejected: a service refuses its settings.
        """
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop every service; work under way is handed back to its record."""
        self._stopping.set()
        self._watcher.join()
        stop(list(self._processes.values()))

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        environment = seen_by(name, self._environment)
        return start(self._commands[name], log=self._log(name), environment=environment)

    def _watch(self) -> None:
        while self._failure is None and not self._stopping.wait(LOOK_S):
            for name, process in self._processes.items():
                if process.poll() is not None:
                    self._failure = self._why_not_again(name, process.returncode)
                    if self._failure is not None:
                        return
                    self._say(f"{name} died with status {process.returncode}; starting it again")
                    self._processes[name] = self._start(name)

    def _why_not_again(self, name: str, status: int) -> TrexError | None:
        said = f"saying {last_words(self._log(name))!r}; see {self._log(name)}"
        if status == 2:
            return Rejected(f"{name} refuses to start, {said}")
        now = time.monotonic()
        deaths = [t for t in self._deaths[name] if now - t < RESTARTS_WITHIN_S] + [now]
        self._deaths[name] = deaths
        if len(deaths) > RESTARTS:
            return Unavailable(
                f"wanted {name} to keep running, found that it died {len(deaths)} times in "
                f"{RESTARTS_WITHIN_S:.0f} s, {said}"
            )
        return None

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


@contextmanager
def running(
    home: Path,
    *,
    port: int | None = None,
    redis_port: int | None = None,
    executors: int = 1,
    hidden: Sequence[Path] = (),
    say: Say,
) -> Iterator[System]:
    """Run a whole system while the block runs; afterwards none of its processes is left.

    Args:
        home: where everything is written; jobs and checkpoints in it outlive the system.
        port: of the REST API; None takes a free one.
        redis_port: of the embedded server; None takes a free one.
        executors: how many train at once.
        hidden: files that look empty to every service but the evaluator, as its vault does.
        say: told what is going on, a sentence at a time.

    Raises:
        Rejected: a port is taken, or a system runs in ``home`` already.
        Unavailable: a service did not start.
    """
    with ExitStack() as stack:
        home = home.resolve()
        home.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_only_one(home))
        logs = home / "logs"
        api_port = free_port(port, name="the REST API")
        password, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        url = stack.enter_context(
            serving(
                home / "redis",
                port=free_port(redis_port, name="the embedded server"),
                password=password,
                log=logs / "server.log",
            )
        )
        address = Address(f"http://127.0.0.1:{api_port}", token)
        vault = make_vault(vault_of(home).resolve())
        environment = _environment(home, url, address, api_port, executors)
        environment["TREX_EVALUATOR_VAULT"] = str(vault)
        commands = _kept_out(_commands(executors), [vault, *_published(), *hidden], say)
        system = System(address, commands, environment, logs, say)
        stack.callback(system.stop)
        _wait_until_ready(system, executors, say)
        stack.enter_context(_known(home, address))
        yield system


def _commands(executors: int) -> dict[str, list[str]]:
    services = ["planner", "researcher", "evaluator"]
    commands = {name: [sys.executable, "-m", f"services.{name}"] for name in services}
    for number in range(1, executors + 1):
        name = "executor" if executors == 1 else f"executor-{number}"
        commands[name] = [sys.executable, "-m", "services.executor"]
    return commands


def _kept_out(commands: dict[str, list[str]], places: list[Path], say: Say) -> dict[str, list[str]]:
    """Return commands of which only the evaluator's sees what some places hold."""
    refused = why_not()
    if refused is not None:
        say(
            "the executors could read the rows in the vault, since they run as the same user and "
            f"{refused}"
        )
        return commands
    return {
        name: command if name == "evaluator" else secluded(command, places)
        for name, command in commands.items()
    }


def _published() -> list[Path]:
    """Return the folder with the answers of benchmark tasks, where one is named."""
    folder = FtbenchSettings().data
    return [folder.resolve()] if folder is not None and folder.is_dir() else []


def seen_by(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a service, such as ``executor-2``, sees of an environment."""
    return {
        name: value
        for name, value in environment.items()
        if service.startswith(_meant_for(name) or service)
    }


def _meant_for(name: str) -> str | None:
    return next((who for begin, who in MEANT_FOR.items() if name.startswith(begin)), None)


def _environment(
    home: Path, redis_url: str, address: Address, port: int, executors: int
) -> dict[str, str]:
    # Executors share the cores. The other services seldom compute, and rarely for long.
    threads = max(1, (os.cpu_count() or 1) // executors)
    inherited = {
        k: v
        for k, v in os.environ.items()
        if _meant_for(k) is not None or not k.startswith("TREX_")
    }
    return {
        "OMP_NUM_THREADS": str(threads),
        "GOMP_SPINCOUNT": SPIN_COUNT,
        "TOKENIZERS_PARALLELISM": "false",
        "TREX_EVALUATOR_LOGS": str(home / "logs"),
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "TREX_QUEUE_URL": redis_url,
        "TREX_QUEUE_HEARTBEAT_S": "1",
        "TREX_QUEUE_STOP_GRACE_S": "3",
        "TREX_PLANNER_PORT": str(port),
        "TREX_PLANNER_TOKEN": address.token,
        "TREX_ARTIFACTS_FOLDER": str(home / "artifacts"),
    }


def _wait_until_ready(system: System, executors: int, say: Say) -> None:
    wanted = {"researcher": 1, "evaluator": 1, "executor": executors}
    deadline = time.monotonic() + READY_S
    missing = ["planner", *wanted]
    while missing:
        system.check()
        if time.monotonic() > deadline:
            raise Unavailable(
                f"wanted every service ready within {READY_S:.0f} s, still waiting for "
                f"{', '.join(missing)}; see the logs in the home's logs folder"
            )
        time.sleep(LOOK_S)
        missing_now = _missing(system.address, wanted)
        if missing_now != missing:
            missing = missing_now
            say(f"starting: waiting for {', '.join(missing)}" if missing else "all services ready")


def _missing(address: Address, wanted: dict[str, int]) -> list[str]:
    try:
        ready = httpx.get(f"{address.url}/health/ready", timeout=2.0)
    except httpx.TransportError:
        return ["planner", *wanted]
    if ready.status_code != httpx.codes.OK:
        return ["planner", *wanted]
    alive = ready.json()
    return [service for service, count in wanted.items() if alive[service] < count]


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Rejected(
                f"wanted to start a system in {home}, found one running there; "
                "use it, stop it, or set TREX_HOME to another folder"
            ) from None
        yield


@contextmanager
def _known(home: Path, address: Address) -> Iterator[None]:
    """Let other commands find the system, and this user alone."""
    connection = home / "connection.json"
    descriptor = os.open(connection, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123 - opened with its mode above
        json.dump({"url": address.url, "token": address.token}, file)
    try:
        yield
    finally:
        connection.unlink(missing_ok=True)
