"""What a service loads when it starts, measured in a fresh interpreter."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "vllm")


def modules_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    return {module.partition(".")[0] for module in loaded.split()}


@pytest.mark.parametrize(
    "module",
    [
        "services.planner.__main__",
        "services.researcher.worker",
        "services.executor.worker",
        "services.evaluator.scoring",
        "trex.cli",
    ],
)
def test_a_part_that_trains_nothing_loads_no_gpu_stack(module: str) -> None:
    loaded = modules_after(f"import {module}")

    assert loaded & set(HEAVY) == set()


def test_the_command_line_starts_without_a_web_framework() -> None:
    loaded = modules_after("import trex.cli")

    assert loaded & {"fastapi", "celery", "redis", "uvicorn"} == set()


def test_the_measure_sees_what_is_loaded() -> None:
    assert "json" in modules_after("import json")


def test_the_benchmarks_command_starts_at_once_and_scores_without_torch_or_redis() -> None:
    heavy = {*HEAVY, "numpy", "rdkit", "jieba", "redis", "celery", "fastapi", "services"}
    asked = modules_after("import ftbench.cli")

    assert asked & heavy == set()

    used = modules_after(
        "from ftbench.tasks import NAMES, fixture_of, get_task\n"
        "from ftbench.scoring import judge_all\n"
        "from ftbench.sources import Files\n"
        "for name in NAMES:\n"
        "    task = get_task(name)\n"
        "    items = task.load(Files(name, task.source, fixture_of(name))).items\n"
        "    judge_all(task, items, {item.id: item.answer or 'A' for item in items})"
    )

    assert used & {"torch", "transformers", "redis", "celery", "services"} == set()
