"""Times training against the plain TRL script that `trex export --to trl` writes of a recipe.

``python -m benchmarks.training`` trains a nano model on the CPU and compares whole runs: ours in a
warm process, with data that an earlier run prepared, as in a search; the script as one starts it.

``--device cuda`` trains LoRA on a randomly initialised Qwen3-1.7B, samples of 512 tokens on
average, and compares tokens a second, model FLOPs utilisation and peak memory. It needs no
network. With ``--tiny`` the model is small, to try the command where there is no GPU.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from services.executor.exports.folder import export
from services.executor.launchers.local import WarmTrainer
from shared.contracts.base import ExperimentId, JobId
from shared.contracts.mapping import Templates
from shared.contracts.method import Adapter, FullTuning, Lora, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import RunRequest, Trained
from shared.rows import sha256_of

CLOCK = """
import json, time
from transformers import TrainerCallback
class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__):
        self.began = time.monotonic()
    def on_step_end(self, args, state, control, **_):
        self.seconds, self.steps = time.monotonic() - self.began, state.global_step
clock = Clock()
trainer.add_callback(clock)
trainer.train()
with open("clock.json", "w") as file:
    json.dump({"seconds": clock.seconds, "steps": clock.steps}, file)
"""
"""Put in place of the script's call, so that both sides time the same steps."""

PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 of the SXM cards, from NVIDIA's data sheets."""

SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
"""Of Qwen3-1.7B; Qwen team 2025, arXiv 2505.09388, and the model's config.json."""

TINY = SHAPE | {
    "vocab_size": 1024,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
}

MEAN_DIGITS = 500
"""Of a sample; each is a token, and the chat's marks add a dozen."""

LORA = Lora(r=16, lora_alpha=32)

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    whole_s: float
    """From the call to the checkpoint on disk."""

    training_s: float
    """From the first step's beginning to the last one's end."""

    steps: int
    """Optimizer steps in that time."""

    peak_bytes: int
    """Most memory held: of the device where there is one, of the process elsewhere."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="default: cpu")
    parser.add_argument("--tiny", action="store_true", help="with cuda: a small model")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind (default: 3)")
    asked = parser.parse_args()
    if asked.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shape = TINY if asked.tiny else SHAPE
        recipe = nano_recipe(scratch) if asked.device == "cpu" else qwen_recipe(scratch, shape)
        ours, theirs, tokens = compare(recipe, scratch, asked.repeats)
    if asked.device == "cpu":
        print_whole_runs(ours, theirs)
    else:
        print_throughput(ours, theirs, tokens, shape, MEAN_DIGITS)


def compare(
    recipe: Recipe, scratch: Path, repeats: int
) -> tuple[list[Measured], list[Measured], int]:
    """Return runs of ours and of the script, made in turn, and the tokens of one run."""
    cache = scratch / "cache"
    export(recipe, "trl", scratch / "script", cache)
    script = scratch / "script" / "train.py"
    text = script.read_text()
    assert text.count("\ntrainer.train()\n") == 1
    script.write_text(text.replace("\ntrainer.train()\n", CLOCK))
    trainer = WarmTrainer(grace_s=5)
    run_ours(trainer, recipe, scratch / "first", cache)  # waits for the imports; not counted
    ours, theirs, tokens = [], [], 0
    for number in range(repeats):
        measured, tokens = run_ours(trainer, recipe, scratch / f"ours-{number}", cache)
        ours.append(measured)
        theirs.append(run_script(script))
    return ours, theirs, tokens


def run_ours(
    trainer: WarmTrainer, recipe: Recipe, folder: Path, cache: Path
) -> tuple[Measured, int]:
    """Carry a recipe out as a worker does, and return what it took and its tokens."""
    request = RunRequest(
        job_id=JobId("j-bench"), experiment=ExperimentId(1), recipe=recipe, limit_s=3600
    )
    began = time.monotonic()
    pace = 0.0
    with trainer.start(request, folder / "checkpoint", cache) as training:
        assert training.process.pid is not None
        with watched(training.process.pid) as peak:
            while (outcome := training.wait(0.02)) is None:
                if training.progress is not None and training.progress.tokens_per_s:
                    pace = training.progress.tokens_per_s
    whole_s = time.monotonic() - began
    assert isinstance(outcome, Trained), outcome
    shutil.rmtree(folder)
    return Measured(whole_s, outcome.tokens / pace, outcome.steps, peak()), outcome.tokens


def run_script(script: Path) -> Measured:
    """Start the script as its reader would, and return what it took."""
    began = time.monotonic()
    with (
        (script.parent / "output").open("wb") as output,
        subprocess.Popen(
            [sys.executable, script.name], cwd=script.parent, stdout=output, stderr=output
        ) as process,
        watched(process.pid) as peak,
    ):
        status = process.wait()
    whole_s = time.monotonic() - began
    if status != 0:
        raise RuntimeError((script.parent / "output").read_text(errors="replace")[-2000:])
    clock = json.loads((script.parent / "clock.json").read_text())
    return Measured(whole_s, clock["seconds"], clock["steps"], peak())


@contextmanager
def watched(pid: int) -> Iterator[Callable[[], int]]:
    """Yield a function that returns the most bytes held while the block ran."""
    over = threading.Event()
    used = device_bytes if shutil.which("nvidia-smi") else lambda: resident_bytes(pid)
    before = device_bytes() if shutil.which("nvidia-smi") else 0
    most = [0]

    def look() -> None:
        while not over.wait(0.1):
            most[0] = max(most[0], used() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        over.set()
        watcher.join()


def device_bytes() -> int:
    """Return what the first device has in use, by whomever."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    said = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    return int(said) * 2**20


def resident_bytes(pid: int) -> int:
    """Return what a process holds in memory; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def flops_per_token(parameters: int, trained: int, shape: dict[str, Any], tokens: int) -> float:
    """Return the floating-point operations that one token of training needs.

    Twice the parameters forward, as much for the gradient of what passes through them, as much
    again for the gradient of those that are trained, and ``12 * layers * heads * head_dim *
    tokens`` of attention. Recomputing activations is not counted.

    Source: model FLOPs utilisation, Chowdhery et al. 2022, arXiv 2204.02311, appendix B; there all
    parameters are trained, which makes it ``6 * parameters``.
    """
    width = int(shape["num_attention_heads"] * shape["head_dim"])
    attention = 12 * int(shape["num_hidden_layers"]) * width * tokens
    return 4 * parameters + 2 * trained + attention


def print_whole_runs(ours: list[Measured], theirs: list[Measured]) -> None:
    """Print seconds of whole runs and steps a second, medians, with their ratios."""
    whole = [statistics.median(run.whole_s for run in runs) for runs in (ours, theirs)]
    pace = [
        statistics.median(run.steps / run.training_s for run in runs) for runs in (ours, theirs)
    ]
    print(f"| median of {len(ours)} | ours | plain script | ratio | wanted |")
    print("|---|---|---|---|---|")
    print(
        f"| end to end | {whole[0]:.2f} s | {whole[1]:.2f} s | {whole[0] / whole[1]:.2f} | ≤ 0.6 |"
    )
    print(f"| steps/s | {pace[0]:.1f} | {pace[1]:.1f} | {pace[0] / pace[1]:.2f} | ≥ 1.0 |")


def print_throughput(
    ours: list[Measured], theirs: list[Measured], tokens: int, shape: dict[str, Any], mean: int
) -> None:
    """Print tokens a second, utilisation and peak memory, medians, with their ratios."""
    name, peak_flops = device()
    parameters, trained = parameter_counts(shape)
    flops = flops_per_token(parameters, trained, shape, mean)
    print(f"{name}; {parameters:,} parameters, {trained:,} trained; {tokens:,} tokens a run\n")
    print(f"| median of {len(ours)} | ours | plain script | ratio |")
    print("|---|---|---|---|")
    pace = [statistics.median(tokens / run.training_s for run in runs) for runs in (ours, theirs)]
    print(f"| tokens/s | {pace[0]:,.0f} | {pace[1]:,.0f} | {pace[0] / pace[1]:.2f} |")
    if peak_flops:
        used = [f"{one * flops / peak_flops:.1%}" for one in pace]
        print(f"| model FLOPs utilisation | {used[0]} | {used[1]} | {pace[0] / pace[1]:.2f} |")
    memory = [max(run.peak_bytes for run in runs) / GIB for runs in (ours, theirs)]
    ratio = memory[0] / memory[1]
    print(f"| peak memory | {memory[0]:.2f} GiB | {memory[1]:.2f} GiB | {ratio:.2f} |")


def device() -> tuple[str, float | None]:
    """Return the device's name and what it can do at most, in FLOP/s; None where not known."""
    import torch

    if not torch.cuda.is_available():
        return "CPU", None
    name = torch.cuda.get_device_name()
    return name, next((peak for card, peak in PEAK_FLOPS.items() if card in name), None)


def parameter_counts(shape: dict[str, Any]) -> tuple[int, int]:
    """Return how many parameters such a model has, and how many of its adapter are trained."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen3Config, Qwen3ForCausalLM

    with torch.device("meta"):
        model = Qwen3ForCausalLM(Qwen3Config(**shape))
        parameters = model.num_parameters()
        lora = LoraConfig(r=LORA.r, target_modules="all-linear", task_type="CAUSAL_LM")
        _, both = get_peft_model(model, lora).get_nb_trainable_parameters()
    return parameters, both - parameters


def nano_recipe(scratch: Path) -> Recipe:
    """Return 60 steps of full fine-tuning of a nano model, made here."""
    base = nano_base(scratch)
    rows = scratch / "rows.jsonl"
    rows.write_text(
        "".join(json.dumps({"q": f"after {n}?", "a": str(n + 1)}) + "\n" for n in range(1920))
    )
    return recipe(base, rows, FullTuning(), batch_size=32, max_length=64)


def qwen_recipe(scratch: Path, shape: dict[str, Any]) -> Recipe:
    """Return 24 steps of LoRA on a model of random weights, made here."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    base = nano_base(scratch)
    torch.manual_seed(0)
    model: Any = Qwen3ForCausalLM(Qwen3Config(**shape, max_position_embeddings=4096))
    model.to(torch.bfloat16).save_pretrained(base)
    rows, draw = scratch / "rows.jsonl", random.Random(0)
    with rows.open("w") as file:
        for _ in range(192):
            half = draw.randint(MEAN_DIGITS // 4, 3 * MEAN_DIGITS // 4)
            q, a = ("".join(draw.choices("0123456789", k=half)) for _ in "qa")
            file.write(json.dumps({"q": q, "a": a}) + "\n")
    return recipe(base, rows, LORA, batch_size=8, max_length=1024)


def recipe(base: Path, rows: Path, adapter: Adapter, *, batch_size: int, max_length: int) -> Recipe:
    """Return one epoch over the rows."""
    return Recipe(
        base_model=str(base),
        data=(
            Load(path=str(rows), sha256=sha256_of(rows)),
            Map(mapping=Templates(prompt="{q}", completion="{a}")),
        ),
        method=Sft(
            learning_rate=1e-4,
            num_train_epochs=1,
            per_device_train_batch_size=batch_size,
            max_length=max_length,
        ),
        adapter=adapter,
    )


def nano_base(scratch: Path) -> Path:
    """Make a nano base model in a process of its own, and return its folder."""
    text, base = scratch / "text.txt", scratch / "base"
    text.write_text("".join(f"number {n} comes before {n + 1}\n" for n in range(2000)))
    command = ["-m", "services.executor.nano", str(text), "--out", str(base), "--steps", "5"]
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)
    return base


if __name__ == "__main__":
    main()
