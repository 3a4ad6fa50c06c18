"""``docker compose`` for tests: a project of its own, from this repository's file."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.job import JobSpec
from shared.contracts.views import JobView
from trex.client import Address, TrexClient
from trex.processes import free_port

ROOT = Path(__file__).parents[2]

ENDED = ("finished", "cancelled", "failed")

WHOSE = ("PLANNER", "RESEARCHER", "EXECUTOR", "EVALUATOR")


@dataclass(frozen=True)
class Compose:
    """``docker compose`` for one project of its own."""

    environment: dict[str, str]
    beside: str
    """File that changes what stands in docker-compose.yml."""

    @property
    def address(self) -> Address:
        """Where its planner answers, and to whom."""
        given = self.environment
        return Address(f"http://{given['PLANNER_ADDRESS']}", given["TREX_PLANNER_TOKEN"])

    @property
    def data(self) -> Path:
        """The folder that the services see as /data."""
        return Path(self.environment["DATA_FOLDER"])

    def __call__(
        self, *arguments: str, check: bool = True, without: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; its output is shown when it fails."""
        given = {name: v for name, v in self.environment.items() if name not in without}
        files = ("--file", "docker-compose.yml", "--file", self.beside)
        return _run(["docker", "compose", *files, *arguments], check=check, environment=given)

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Return what a command says in a running container of a service."""
        found = self("exec", "--no-TTY", service, *command, check=check)
        return found.stdout + ("" if check else found.stderr)

    def containers(self, service: str) -> list[str]:
        """Return the ids of the containers of a service that run."""
        return self("ps", "--quiet", service).stdout.split()


@contextmanager
def project(beside: str, *, data: Path, profile: str = "cpu") -> Iterator[Compose]:
    """Yield a project with secrets and an address of its own; nothing but images is left of it.

    Args:
        beside: file that changes what stands in docker-compose.yml.
        data: folder that the services see as /data.
        profile: what starts.
    """
    passwords = {f"REDIS_{who}_PASSWORD": secrets.token_hex(12) for who in WHOSE}
    compose = Compose(
        {
            **os.environ,
            **passwords,
            "COMPOSE_PROJECT_NAME": f"trex-test-{secrets.token_hex(3)}",
            "COMPOSE_PROFILES": profile,
            "COMPOSE_ENV_FILES": "/dev/null",
            "TREX_PLANNER_TOKEN": secrets.token_hex(12),
            "PLANNER_ADDRESS": f"127.0.0.1:{free_port(None, name='the planner')}",
            "DATA_FOLDER": str(data),
            "REVISION": "under-test",
        },
        beside,
    )
    try:
        yield compose
    finally:
        compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10")


def _run(
    command: Sequence[str], *, check: bool, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        words = " ".join(command)
        raise AssertionError(
            f"{words} ended with status {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


def wait_for(holds: Callable[[], bool], *, what: str, for_s: float) -> None:
    """Return once something holds."""
    deadline = time.monotonic() + for_s
    while not holds():
        assert time.monotonic() < deadline, f"wanted {what} within {for_s:.0f} s"
        time.sleep(0.5)


def finished(system: TrexClient, spec: JobSpec) -> JobView:
    """Hand a job over and return it at its end, which must be a good one."""
    job_id = system.submit(spec).job_id
    wait_for(lambda: system.job(job_id).state in ENDED, what="the job's end", for_s=900)
    job = system.job(job_id)
    assert job.state == "finished", job.sentence
    return job


def docker(*arguments: str) -> str:
    """Return what a command of ``docker`` prints."""
    return _run(["docker", *arguments], check=True, environment=dict(os.environ)).stdout.strip()


def why_no_engine() -> str | None:
    """Return why containers cannot be started here; None when they can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = _run(command, check=False, environment=dict(os.environ))
        if done.returncode != 0:
            return f"`{' '.join(command)}` says: {done.stderr.strip().splitlines()[-1]}"
    return None
