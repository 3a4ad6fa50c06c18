"""``docker compose`` for tests: a project of its own, from this repository's file."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Compose:
    """``docker compose`` for one project of its own."""

    environment: dict[str, str]

    def __call__(
        self, *arguments: str, check: bool = True, without: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; its output is shown when it fails."""
        given = {name: v for name, v in self.environment.items() if name not in without}
        files = ("--file", "docker-compose.yml", "--file", "tests/compose/quick.yml")
        return _run(["docker", "compose", *files, *arguments], check=check, environment=given)

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Return what a command says in a running container of a service."""
        found = self("exec", "--no-TTY", service, *command, check=check)
        return found.stdout + ("" if check else found.stderr)

    def containers(self, service: str) -> list[str]:
        """Return the ids of the containers of a service that run."""
        return self("ps", "--quiet", service).stdout.split()


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
