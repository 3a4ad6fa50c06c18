"""What a service says when it cannot start: one sentence, and a status that a shell can test."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

SERVICES = ("planner", "researcher", "executor", "evaluator")


def start(service: str, folder: Path, **variables: str) -> tuple[int, str]:
    """Return the status a service ended with, and all it said."""
    usual = {
        "TREX_PLANNER_PORT": "0",
        "TREX_ARTIFACTS_FOLDER": str(folder / "artifacts"),
        "TREX_EVALUATOR_VAULT": str(folder / "vault"),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TREX_")}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env=inherited | usual | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return ended.returncode, ended.stdout


@pytest.fixture
def blocked(tmp_path: Path) -> str:
    """A path where no folder can be made."""
    (tmp_path / "file").touch()
    return str(tmp_path / "file" / "folder")


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_password_is_named(service: str, server_url: str, tmp_path: Path) -> None:
    wrong = server_url.replace("secret", "guess")

    status, said = start(service, tmp_path, TREX_QUEUE_URL=wrong)

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"{service}: Redis refuses the user or the password of TREX_QUEUE_URL (")
    assert "guess" not in said


@pytest.mark.parametrize("service", SERVICES)
def test_redis_that_is_away_may_come_back(service: str, tmp_path: Path) -> None:
    status, said = start(service, tmp_path, TREX_QUEUE_URL="redis://127.0.0.1:1/0")

    assert (status, said.count("\n")) == (75, 1)
    assert said.startswith(f"{service}: Redis does not answer: ")
    assert said.endswith("; start it, or correct TREX_QUEUE_URL\n")


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    status, said = start("researcher", tmp_path, TREX_QUEUE_URL="localhost:6379")

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("researcher: TREX_QUEUE_URL: wanted an address such as redis://")


@pytest.mark.parametrize(
    ("service", "variable"),
    [("executor", "TREX_ARTIFACTS_FOLDER"), ("evaluator", "TREX_EVALUATOR_VAULT")],
)
def test_a_volume_that_cannot_be_written_is_named(
    service: str, variable: str, server_url: str, blocked: str, tmp_path: Path
) -> None:
    given = {"TREX_QUEUE_URL": server_url, variable: blocked}

    status, said = start(service, tmp_path, **given)

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"{service}: {variable}: wanted to write in {blocked} as user ")
    assert said.endswith("; correct its rights or name another folder\n")


def test_a_port_that_is_taken_is_named(server_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, said = start("planner", tmp_path, TREX_QUEUE_URL=server_url, TREX_PLANNER_PORT=port)

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"planner: wanted to listen on 127.0.0.1:{port}, found it taken (")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HOST": "0.0.0.0"}, "wanted a token to listen on 0.0.0.0, found none; "),
        ({"HOST": "192.0.2.1", "TOKEN": "x"}, "wanted to listen on 192.0.2.1:0, found that "),
    ],
)
def test_a_secret_that_is_missing_or_an_address_of_another_host_is_named(
    given: dict[str, str], said: str, server_url: str, tmp_path: Path
) -> None:
    variables = {f"TREX_PLANNER_{name}": value for name, value in given.items()}

    status, heard = start("planner", tmp_path, TREX_QUEUE_URL=server_url, **variables)

    assert (status, heard.count("\n")) == (2, 1)
    assert heard.startswith(f"planner: {said}")


@pytest.fixture
def narrow_user(client: redis.Redis) -> Iterator[str]:
    """A user that may see the record and no queue."""
    client.acl_setuser(
        "narrow", enabled=True, passwords=["+pass"], keys=["trex:*"], categories=["+@all"]
    )
    yield "narrow:pass"
    client.acl_deluser("narrow")


def test_a_right_that_the_acl_keeps_back_is_named(
    narrow_user: str, server_url: str, tmp_path: Path
) -> None:
    url = server_url.replace(":secret", narrow_user)

    status, said = start("researcher", tmp_path, TREX_QUEUE_URL=url)

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("researcher: Redis refuses the user of TREX_QUEUE_URL a right (")
    assert "LLEN researcher" in said
