"""What every launcher must do; subclass and fill in the fixture. All processes are real."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from services.executor.interruption import take_over
from services.executor.launchers.launcher import Launcher, Training, log_of
from shared.contracts.run import RunRequest, Trained
from shared.errors import TrainingFailed

Ask = Callable[..., RunRequest]


class Interrupted(Exception):
    """The worker's own affairs."""


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that write to the log of a checkpoint's attempt."""
    log = str(log_of(folder))
    found = []
    for process in psutil.process_iter():
        try:
            if any(file.path == log for file in process.open_files()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_soon(folder: Path) -> bool:
    """Whether all of them end."""
    deadline = time.monotonic() + 20.0
    while processes_of(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def wait_for(training: Training, phase: str, within_s: float = 120.0) -> None:
    """Wait until the process says that it is at a phase, or any where it is empty."""
    deadline = time.monotonic() + within_s
    while not (training.seconds and training.progress and phase in training.progress.phase):
        assert training.wait(0.05) is None
        assert time.monotonic() < deadline


def work(launcher: Launcher, request: RunRequest, folder: Path) -> None:
    """Do what a worker does, until it is killed."""
    with launcher.start(request, folder, folder.parent) as training:
        while training.wait(60) is None:
            pass


class LauncherSuite:
    @pytest.fixture
    def launcher(self) -> Launcher:
        raise NotImplementedError("the subclass gives a launcher")

    def test_it_trains_and_hands_back_the_outcome(
        self, launcher: Launcher, ask: Ask, folder: Path, tmp_path: Path
    ) -> None:
        with launcher.start(ask(), folder, tmp_path / "data") as training:
            outcome = training.wait(120)

        assert isinstance(outcome, Trained), outcome
        assert (outcome.steps, outcome.stopped) == (10, "done")
        assert (folder / "model.safetensors").is_file()
        assert (folder / "recipe.yaml").is_file()
        assert end_soon(folder)

    def test_a_process_that_dies_is_a_failure_that_quotes_its_log(
        self, launcher: Launcher, ask: Ask, folder: Path, tmp_path: Path
    ) -> None:
        def killed() -> None:
            with launcher.start(ask(10_000), folder, tmp_path / "data") as training:
                wait_for(training, "")
                log_of(folder).write_text("all is well so far\n")
                for process in processes_of(folder):
                    process.kill()
                training.wait(60)

        with pytest.raises(TrainingFailed, match=r"wanted an outcome, .* all is well so far"):
            killed()

    def test_an_error_in_its_block_stops_it_at_once(
        self, launcher: Launcher, ask: Ask, folder: Path, tmp_path: Path
    ) -> None:
        def interrupted() -> None:
            with launcher.start(ask(10_000), folder, tmp_path / "data") as training:
                wait_for(training, "")
                raise Interrupted

        with pytest.raises(Interrupted):
            interrupted()

        assert end_soon(folder)
        assert "the worker is gone" not in log_of(folder).read_text()  # it did not just time out

    def test_a_run_that_is_handed_back_goes_on_from_what_it_saved(
        self, launcher: Launcher, ask: Ask, folder: Path, tmp_path: Path
    ) -> None:
        def handed_back() -> None:
            with launcher.start(ask(6), folder, tmp_path / "data") as training:
                wait_for(training, "training")
                training.save_and_leave(30)
                raise Interrupted

        with pytest.raises(Interrupted):
            handed_back()
        again = tmp_path / "run-1" / "attempt-2" / "checkpoint"
        left = take_over(tmp_path / "run-1", again.with_name("interrupted"))
        with launcher.start(ask(6), again, tmp_path / "data", interrupted=left) as training:
            outcome = training.wait(120)

        assert left is not None
        begun = float((left / "seconds").read_text())
        assert isinstance(outcome, Trained), outcome
        assert (outcome.stopped, outcome.steps) == ("done", 72)
        assert outcome.gpu_seconds > begun > 0

    def test_it_ends_when_its_worker_is_gone(
        self, launcher: Launcher, ask: Ask, folder: Path, tmp_path: Path
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        worker = spawn.Process(target=work, args=(launcher, ask(10_000), folder))
        worker.start()
        deadline = time.monotonic() + 60
        while not processes_of(folder):
            assert time.monotonic() < deadline
            time.sleep(0.1)

        worker.kill()
        worker.join()

        assert end_soon(folder)
