"""The ``trex`` command as a person runs it: real processes, real signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.support.nano import write_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def trex(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "trex", *arguments],
        env={**os.environ, "TREX_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    up = trex(tmp_path, "up")
    deadline = time.monotonic() + 100
    while not (tmp_path / "connection.json").exists():
        assert up.poll() is None, up.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    family = psutil.Process(up.pid).children(recursive=True)

    up.send_signal(number)
    up.communicate(timeout=60)

    assert len(family) >= 5
    left = psutil.wait_procs(family, timeout=5)[1]
    # An orphan that has ended is a zombie for as long as init does not ask for it.
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []
    assert not (tmp_path / "connection.json").exists()


def test_run_carries_a_job_out_and_hands_back_a_checkpoint_that_answers(
    nano_base: Path, tmp_path: Path
) -> None:
    for split, rows in (("train", 120), ("dev", 30), ("test", 36)):
        write_rows(tmp_path / f"{split}.jsonl", rows=rows)
    job = {
        "goal": "Say the opposite colour",
        "base_model": str(nano_base),
        "data": {
            **{split: f"{split}.jsonl" for split in ("train", "dev", "test")},
            "mapping": {"prompt": "{text}", "completion": "{answer}"},
        },
        "metric": "exact_match",
        "budget": {"experiments": 2},
        "limits": {"max_length": 64, "max_new_tokens": 8, "run_s": 60},
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))

    run = trex(tmp_path / "home", "run", str(tmp_path / "job.yaml"))
    said, told = run.communicate(timeout=200)

    assert run.returncode == 0, told
    assert said.startswith("# Say the opposite colour")
    assert "| dev |" in said, said
    assert "| test |" in said, said
    [checkpoint] = {line.split("`")[1] for line in said.splitlines() if "Checkpoint:" in line}
    answer = trex(tmp_path / "home", "generate", checkpoint, "red 3")
    assert answer.communicate(timeout=60)[0].strip()
    assert answer.returncode == 0


def test_a_job_file_with_a_mistake_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(json.dumps({"goal": "x", "budgte": {"experiments": 1}}))

    run = trex(tmp_path / "home", "run", str(tmp_path / "job.yaml"))
    _, told = run.communicate(timeout=60)

    assert run.returncode == 2
    assert "budgte" in told
    assert "Traceback" not in told
    assert not (tmp_path / "home" / "redis").exists()
