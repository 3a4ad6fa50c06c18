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
