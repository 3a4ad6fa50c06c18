"""Processes that are started and stopped."""

import sys
import time
from pathlib import Path

import psutil

from trex.processes import start, stop

LEAVES_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


def test_what_a_stopped_process_leaves_behind_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = start([sys.executable, "-c", LEAVES_A_CHILD], log=log)
    while not (said := log.read_text()).endswith("\n"):
        time.sleep(0.02)
    child = psutil.Process(int(said))

    stop([parent])

    psutil.wait_procs([child], timeout=5)
    # Where nobody asks for an orphan's status, it stays a zombie.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_ended_already_is_stopped(tmp_path: Path) -> None:
    ended = start([sys.executable, "-c", ""], log=tmp_path / "log")
    ended.wait()

    stop([ended])

    assert ended.returncode == 0
