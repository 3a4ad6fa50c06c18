"""What a worker's machine says of itself."""

import os
import subprocess
import sys

import pytest

from shared.contracts.capabilities import Capabilities


def executor(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.executor", *words],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_machine_without_an_accelerator_says_what_it_cannot_train() -> None:
    found = Capabilities.model_validate_json(executor("capabilities").stdout)

    assert (found.device, found.devices) == ("cpu", 1)
    assert not any((found.bf16, found.flash_attention, found.quantised))
    assert found.memory_gib > 0


def test_another_word_is_refused_in_a_sentence() -> None:
    done = executor("capability")

    assert done.returncode == 2
    assert done.stderr == ("executor: wanted no argument or 'capabilities', found ['capability']\n")
