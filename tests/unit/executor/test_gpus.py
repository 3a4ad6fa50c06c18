import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.executor.gpus import listed, seen, take_gpus, visible
from shared.errors import Rejected, Unavailable
from tests.support.gpus import FIRST, SECOND, make_command, make_nvidia_smi

WORDS = """
import logging, os, subprocess, sys
from pathlib import Path
from services.executor.gpus import keep_gpus, take_gpus
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
"""

EXECUTOR = f"""{WORDS}
take_gpus(Path(sys.argv[1]), int(sys.argv[2]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""

EXECUTOR_AND_CHILD = f"""{WORDS}
take_gpus(Path(sys.argv[1]), int(sys.argv[2]))
child = "import sys; from services.executor.gpus import keep_gpus; keep_gpus()"
child += "; print('kept', flush=True); sys.stdin.readline()"
subprocess.run([sys.executable, "-c", child])
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts executors of a host with two GPUs, which say on stdout what they do."""
    path = f"{make_nvidia_smi(tmp_path / 'bin', FIRST, SECOND)}:{os.environ['PATH']}"
    started: list[subprocess.Popen[str]] = []

    def start(count: int = 1, script: str = EXECUTOR) -> "subprocess.Popen[str]":
        executor = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "locks"), str(count)],
            env={k: v for k, v in os.environ.items() if "VISIBLE" not in k} | {"PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(executor)
        return executor

    yield start
    for executor in started:
        executor.kill()
        executor.communicate()


def says(executor: "subprocess.Popen[str]") -> str:
    assert executor.stdout is not None
    return executor.stdout.readline().strip()


def test_each_executor_takes_another_gpu_and_a_third_waits_for_one_to_be_free(start: Start) -> None:
    first, second = start(), start()
    taken = {says(first), says(second)}
    assert taken == {f"trains on {FIRST}", f"trains on {SECOND}"}
    third = start()
    assert says(third).startswith("waiting for 1 of 2 GPUs to be free; other exec")

    last = says(first)
    first.kill()

    assert says(third) == f"trains on {last}"
    assert says(third) == last


def test_an_executor_that_wants_two_gpus_takes_two_or_none(start: Start) -> None:
    first = start()
    says(first)
    both = start(2)
    assert says(both).startswith("waiting for 2 of 2 GPUs")
    other = start()
    assert says(other) == f"trains on {SECOND}"

    first.kill()
    other.kill()

    assert says(both) == f"trains on {FIRST},{SECOND}"


def test_a_gpu_is_free_when_the_training_process_of_a_dead_executor_is_gone_too(
    start: Start,
) -> None:
    first = start(2, EXECUTOR_AND_CHILD)
    says(first)
    assert says(first) == "kept"
    first.kill()
    first.wait()
    second = start()
    assert says(second).startswith("waiting for 1 of 2 GPUs")

    assert first.stdin is not None
    first.stdin.write("leave\n")
    first.stdin.flush()

    assert says(second) == f"trains on {FIRST}"


def test_a_machine_without_gpus_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    take_gpus(tmp_path / "locks", 2)

    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not (tmp_path / "locks").exists()


def test_no_gpu_is_taken_where_none_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_nvidia_smi(tmp_path / 'bin', FIRST)}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    take_gpus(tmp_path / "locks", 1)

    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_more_gpus_than_there_are_is_refused_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_nvidia_smi(tmp_path / 'bin', FIRST)}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    with pytest.raises(Rejected, match=r"wanted 3 GPUs for TREX_LAUNCHER_PROCESSES, found 1;"):
        take_gpus(tmp_path / "locks", 3)


def test_a_gpu_that_is_not_there_is_refused_and_not_replaced_by_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_nvidia_smi(tmp_path / 'bin', FIRST)}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")

    with pytest.raises(Rejected, match=r"wanted GPUs that CUDA_VISIBLE_DEVICES=2,3 names, found 1"):
        take_gpus(tmp_path / "locks", 1)


def test_a_folder_that_cannot_hold_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{make_nvidia_smi(tmp_path / 'bin', FIRST)}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "locks").write_text("a file")

    with pytest.raises(Rejected, match=r"wanted to lock files in .*locks, found: File exists; cor"):
        take_gpus(tmp_path / "locks", 1)


def test_a_driver_that_does_not_work_stops_an_executor_that_would_train_on_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = make_command(tmp_path / "bin", "echo 'Driver/library version mismatch'; exit 18\n")
    monkeypatch.setenv("PATH", f"{broken}:{os.environ['PATH']}")

    with pytest.raises(Unavailable, match=r"-L does not work: Driver/library version mismatch; ch"):
        seen()


def test_a_driver_without_devices_is_a_machine_without_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = make_command(tmp_path / "bin", "echo 'No devices found.'; exit 6\n")
    monkeypatch.setenv("PATH", f"{empty}:{os.environ['PATH']}")

    assert seen() == []


def test_of_a_gpu_that_is_cut_into_parts_the_parts_are_listed() -> None:
    said = """
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-1111)
  MIG 3g.20gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb)
"""

    assert listed(said) == ["MIG-1111", "MIG-2222", "GPU-bbbb"]


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        (None, [FIRST, SECOND]),
        ("", []),
        ("1", [SECOND]),
        ("1,0", [SECOND, FIRST]),
        ("1,1", [SECOND]),
        (SECOND, [SECOND]),
        ("GPU-2", [SECOND]),
        ("GPU-", []),
        ("0,7,1", [FIRST]),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_what_cuda_may_not_use_is_not_taken(allowed: str | None, left: list[str]) -> None:
    assert visible([FIRST, SECOND], allowed) == left
