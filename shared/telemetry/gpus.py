"""How busy and how full this machine's GPUs are, as ``nvidia-smi`` says: torch is for training."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

_ASK = ["--query-gpu=index,memory.used,utilization.gpu", "--format=csv,noheader,nounits"]
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU at one moment."""

    index: str
    memory_bytes: int
    busy: float | None
    """Share of the last second in which it computed; None of one that does not say."""


def watch_gpus() -> None:
    """Have the GPUs that this process may use looked at whenever somebody asks for metrics."""
    if shutil.which("nvidia-smi") is None:
        return

    def memory(_: CallbackOptions) -> Iterator[Observation]:
        for gpu in _look():
            yield Observation(gpu.memory_bytes, {"gpu": gpu.index})

    def busy(_: CallbackOptions) -> Iterator[Observation]:
        for gpu in _look():
            if gpu.busy is not None:
                yield Observation(gpu.busy, {"gpu": gpu.index})

    meter = get_meter("trex")
    meter.create_observable_gauge("trex.gpu.memory.used", [memory], "By", "Of a GPU, by anybody.")
    meter.create_observable_gauge("trex.gpu.utilisation", [busy], "", "Share of time it computes.")


def read_gpus(said: str) -> list[Gpu]:
    """Return what ``nvidia-smi`` said, a line a GPU: its number, MiB in use, percent busy. Pure."""
    found = []
    for line in said.splitlines():
        index, memory_mib, percent = (part.strip() for part in line.split(","))
        if memory_mib.isdecimal():
            busy = int(percent) / 100 if percent.isdecimal() else None
            found.append(Gpu(index, int(memory_mib) * 2**20, busy))
    return found


def _look() -> list[Gpu]:
    mine = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    which = [f"--id={mine}"] if mine else []
    try:
        done = subprocess.run(
            ["nvidia-smi", *_ASK, *which],
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that is away; the run will say so
    return read_gpus(done.stdout)
