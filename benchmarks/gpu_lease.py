"""Checks on a machine with a GPU that executors share it as `services.executor.gpus` says.

``python -m benchmarks.gpu_lease`` starts one executor more than there are GPUs, each with a
training process that keeps its GPU busy. Each sees one GPU and no other; the last executor waits.
Then the first is killed: printed is how soon the last one trains, and how much of the GPU was still
in use by then. Needs torch and `nvidia-smi`, and nothing of Celery; takes half a minute.
"""

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from services.executor.gpus import keep_gpus, seen, take_gpus
from shared.errors import Rejected

BUSY_GIB = 4
"""That a training process takes on its GPU."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a training process says of its GPU, once it is busy there."""

    devices: int
    """That torch sees."""

    uuid: str
    """Of the first."""

    used_before_gib: float
    """On it when the process came, its own beginnings included."""


def main() -> int:
    """Run the check; return 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--executor", type=Path, help=argparse.SUPPRESS)
    folder = parser.parse_args().executor
    if folder is not None:
        _execute(folder)
        return 0
    gpus = seen()
    if not gpus:
        print("gpu_lease: wanted a GPU, found none; run it where nvidia-smi -L lists one")
        return 2
    with tempfile.TemporaryDirectory() as locks:
        return _check(gpus, Path(locks))


def _check(gpus: list[str], locks: Path) -> int:
    executors: list[subprocess.Popen[str]] = []
    try:
        executors = [_start(locks) for _ in gpus]
        trainings = [_training(executor) for executor in executors]
        last = _start(locks)
        executors.append(last)
        waits = _says(last)
        began = time.monotonic()
        executors[0].kill()
        taken, taken_s = _says(last), time.monotonic() - began
        after, after_s = _training(last), time.monotonic() - began
    finally:
        for executor in executors:
            os.killpg(executor.pid, signal.SIGKILL)
            executor.wait()
    try:
        take_gpus(locks, len(gpus) + 1)
        refused = ""
    except Rejected as error:
        refused = str(error)
    facts = {
        "gpus": gpus,
        "trainings": [asdict(training) for training in trainings],
        "waits": waits,
        "taken": taken,
        "taken_after_s": round(taken_s, 2),
        "trains_after_s": round(after_s, 2),
        "after": asdict(after),
        "refused": refused,
    }
    wrong = [
        what
        for what, right in {
            "every executor has a GPU of its own": {t.uuid for t in trainings} == set(gpus),
            "a training process sees one": {t.devices for t in [*trainings, after]} == {1},
            "one executor more waits": waits.startswith("waiting for 1 of"),
            "it takes the GPU of the one that was killed": after.uuid == trainings[0].uuid,
            "by then nothing of that one is left there": after.used_before_gib < BUSY_GIB,
            "more GPUs than there are are refused": "wanted" in refused,
        }.items()
        if not right
    ]
    print(json.dumps(facts, indent=2))
    print("wrong: " + "; ".join(wrong) if wrong else "all as it should be")
    return 1 if wrong else 0


def _start(locks: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu_lease", "--executor", str(locks)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _says(executor: "subprocess.Popen[str]") -> str:
    assert executor.stdout is not None
    return executor.stdout.readline().strip()


def _training(executor: "subprocess.Popen[str]") -> Training:
    while not (line := _says(executor)).startswith("{"):
        if not line and executor.poll() is not None:
            raise SystemExit(f"an executor ended with status {executor.returncode}")
    return Training(**json.loads(line))


def _execute(locks: Path) -> None:
    """Do what an executor does: take a GPU, then train in a process of a fork server."""
    import logging

    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    take_gpus(locks, 1)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    training = context.Process(target=_train)
    training.start()
    training.join()


def _train() -> None:
    import torch

    threading.Thread(target=_die_with_parent, daemon=True).start()
    keep_gpus()
    free, total = torch.cuda.mem_get_info()
    busy = torch.ones(BUSY_GIB * 2**28, device="cuda")
    uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    said = Training(torch.cuda.device_count(), uuid, (total - free) / 2**30)
    print(json.dumps(asdict(said)), flush=True)
    while True:
        busy.mul_(1.0)
        torch.cuda.synchronize()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
