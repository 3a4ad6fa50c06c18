import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.healthy import VARIABLE, health, write_health


def healthy(file: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if file is not None:
        environment[VARIABLE] = str(file)
    command = [sys.executable, "-m", "shared.healthy"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_container_is_told_that_its_worker_is_healthy(tmp_path: Path) -> None:
    write_health(tmp_path / "file", for_s=60, sentence="alive")

    told = healthy(tmp_path / "file")

    assert (told.returncode, told.stdout) == (0, "healthy: alive\n")


def test_a_container_is_told_why_its_worker_is_not(tmp_path: Path) -> None:
    write_health(tmp_path / "file", for_s=0, sentence="Redis does not answer")

    told = healthy(tmp_path / "file")

    assert (told.returncode, told.stdout) == (1, "healthy: Redis does not answer\n")


def test_without_a_file_nobody_is_healthy() -> None:
    told = healthy(None)

    assert told.returncode == 1
    assert "found it unset" in told.stderr


def test_a_worker_that_fell_silent_is_not_healthy(tmp_path: Path) -> None:
    write_health(tmp_path / "file", for_s=-5, sentence="alive")

    assert health(tmp_path / "file") == (False, "it has been silent for 5 s too long")


@pytest.mark.parametrize("text", ["", "soon\nalive\n", "1.0\n"])
def test_a_file_that_holds_something_else_says_nothing_of_health(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)

    assert health(tmp_path / "file")[0] is False


def test_asking_costs_next_to_nothing() -> None:
    script = "import shared.healthy, sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert {"pydantic", "redis", "celery"} & set(loaded) == set()
