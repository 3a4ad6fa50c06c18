"""What a worker's machine says of itself."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis

from services.executor.inquiry import Inquiry
from shared.contracts.capabilities import Capabilities
from shared.errors import TrainingFailed
from shared.store_redis import RedisStore
from tests.support.examples import CPU


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


@pytest.mark.slow
def test_a_worker_learns_the_same_without_importing_torch() -> None:
    said = Capabilities.model_validate_json(executor("capabilities").stdout)

    look = (
        "import sys; from services.executor.launchers.local import WarmTrainer; "
        "found = WarmTrainer(grace_s=5).capabilities(); "
        "assert 'torch' not in sys.modules; print(found.model_dump_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", look],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert Capabilities.model_validate_json(done.stdout) == said


@pytest.mark.slow
@pytest.mark.parametrize(("scorer", "adapters_only"), [("transformers", False), ("vllm", True)])
def test_an_evaluator_that_asks_one_server_says_that_it_scores_adapters_alone(
    client: redis.Redis, server_url: str, tmp_path: Path, scorer: str, *, adapters_only: bool
) -> None:
    store = RedisStore(client)
    variables = {
        "TREX_QUEUE_URL": server_url,
        "TREX_EVALUATOR_SCORER": scorer,
        "TREX_EVALUATOR_VLLM_URL": "http://127.0.0.1:1",
        "TREX_EVALUATOR_VAULT": str(tmp_path / "vault"),
        "TREX_ARTIFACTS_FOLDER": str(tmp_path / "artifacts"),
    }
    command = [sys.executable, "-m", "services.evaluator"]
    with subprocess.Popen(command, env=os.environ | variables) as evaluator:
        try:
            deadline = time.monotonic() + 60
            while not store.living():
                assert evaluator.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            [worker] = store.living()
        finally:
            evaluator.terminate()

    assert (worker.service, worker.adapters_only) == ("evaluator", adapters_only)


def test_what_cannot_be_found_out_stays_unknown_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = threading.Event()

    def died() -> Capabilities:
        asked.set()
        raise TrainingFailed("the process which looked died")

    inquiry = Inquiry(died)
    assert asked.wait(5)
    inquiry.wait()

    assert inquiry.answer() is None
    assert "nobody will know what this machine can train" in caplog.text


def test_an_answer_is_there_once_it_came() -> None:
    known = threading.Event()

    def slowly() -> Capabilities:
        assert known.wait(5)
        return CPU

    inquiry = Inquiry(slowly)
    assert inquiry.answer() is None

    known.set()
    inquiry.wait()

    assert inquiry.answer() == CPU


def test_another_word_is_refused_in_a_sentence() -> None:
    done = executor("capability")

    assert done.returncode == 2
    assert done.stderr == ("executor: wanted no argument or 'capabilities', found ['capability']\n")
