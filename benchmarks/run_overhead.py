"""Times what a run costs before its first optimizer step: warm executor against fresh interpreter.

``python benchmarks/run_overhead.py [--runs 7]`` makes a nano base model and prints a table.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared.contracts.base import ExperimentId, JobId
from shared.contracts.mapping import Templates
from shared.contracts.method import Lora, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import RunRequest, Trained
from shared.rows import sha256_of

FRESH = """
import sys
from pathlib import Path
from services.executor.pipeline import materialise
from services.executor.trainers.train import train
from shared.contracts.run import RunRequest
request = RunRequest.model_validate_json(sys.stdin.read())
def say(progress):
    if progress.phase == "training":
        print("first step", flush=True)
folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
train(request, materialise(request.recipe.data, cache), folder, say=say)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each kind (default: 7)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        request = _request(Path(scratch))
        warm = _warm(request, Path(scratch), runs)
        fresh = [_fresh(request, Path(scratch), number) for number in range(runs)]
    print("| from claim to first step | median | slowest | runs | wanted |")
    print("|---|---|---|---|---|")
    for name, times, wanted in (
        ("warm executor", warm, "≤ 1.0 s"),
        ("fresh interpreter", fresh, ""),
    ):
        median, slowest = statistics.median(times), max(times)
        print(f"| {name} | {median:.2f} s | {slowest:.2f} s | {len(times)} | {wanted} |")
    print(f"\nratio {statistics.median(fresh) / statistics.median(warm):.1f}")


def _warm(request: RunRequest, scratch: Path, runs: int) -> list[float]:
    """Return seconds from start to first step; the runs differ only in where they write."""
    from services.executor.training import WarmTrainer

    trainer = WarmTrainer(grace_s=5)
    trainer.warm_up()
    times = []
    for number in range(runs + 1):  # the first one waits for the fork server and is not counted
        began = time.monotonic()
        folder = scratch / f"warm-{number}" / "checkpoint"
        with trainer.start(request, folder, scratch / "cache") as training:
            outcome = None
            while not (training.progress and training.progress.phase == "training"):
                outcome = training.wait(0.002)
                assert outcome is None, outcome
            times.append(time.monotonic() - began)
            while (outcome := training.wait(1.0)) is None:
                pass
        assert isinstance(outcome, Trained), outcome
    return times[1:]


def _fresh(request: RunRequest, scratch: Path, number: int) -> float:
    """Return seconds from starting an interpreter to its first step."""
    folder = scratch / f"fresh-{number}" / "checkpoint"
    folder.parent.mkdir()
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", FRESH, str(folder), str(scratch / "cache")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request.model_dump_json())
        process.stdin.close()
        for line in process.stdout:
            if line.startswith("first step"):
                return time.monotonic() - began
    raise RuntimeError(f"the fresh run ended with status {process.returncode}, without a step")


def _request(scratch: Path) -> RunRequest:
    """Return a LoRA run of ten steps on a nano base model made here, in a process of its own."""
    text, rows, base = scratch / "text.txt", scratch / "rows.jsonl", scratch / "base"
    text.write_text("".join(f"number {n} comes before {n + 1}\n" for n in range(2000)))
    rows.write_text(
        "".join(json.dumps({"q": f"after {n}?", "a": str(n + 1)}) + "\n" for n in range(2000))
    )
    command = ["-m", "services.executor.nano", str(text), "--out", str(base), "--steps", "5"]
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)
    recipe = Recipe(
        base_model=str(base),
        data=(
            Load(path=str(rows), sha256=sha256_of(rows)),
            Map(mapping=Templates(prompt="{q}", completion="{a}")),
        ),
        method=Sft(
            learning_rate=1e-3,
            num_train_epochs=0.08,
            per_device_train_batch_size=16,
            max_length=64,
        ),
        adapter=Lora(r=8, lora_alpha=16),
    )
    return RunRequest(
        job_id=JobId("j-bench"), experiment=ExperimentId(1), recipe=recipe, limit_s=60
    )


if __name__ == "__main__":
    main()
