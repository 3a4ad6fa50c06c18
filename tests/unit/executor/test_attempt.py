import threading
from pathlib import Path
from typing import Any, Self, cast

import pytest

from services.executor import attempt
from services.executor.attempt import carry_out
from services.executor.launchers.launcher import Training
from services.executor.teacher.teacher import ASKING
from services.executor.worker import perform
from shared.answering import Lease
from shared.cache import MANIFEST
from shared.contracts.base import WorkId
from shared.contracts.run import Outcome, Progress
from shared.errors import OutOfTime
from shared.store_memory import MemoryStore
from tests.support.artifacts import artifacts_at
from tests.support.examples import FAILED, JOB, RUN_REQUEST, SPEC


class Scripted:
    """A training that is in one phase after the other and then fails."""

    def __init__(self, phases: list[str]) -> None:
        self.progress: Progress | None = None
        self.seconds = 0.0
        self._phases = iter(phases)

    def wait(self, for_s: float) -> Outcome | None:
        self.seconds += 1
        phase = next(self._phases, None)
        self.progress = None if phase is None else Progress(phase=phase)
        return FAILED if phase is None else None

    def save_and_leave(self, within_s: float) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class ScriptedLauncher:
    def __init__(self, *phases: str) -> None:
        self._phases = phases

    def start(self, *args: Any, **how: Any) -> Training:
        return cast(Training, Scripted(list(self._phases)))


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> Lease:
    """Of a run whose time is up at once."""
    monkeypatch.setattr(attempt, "LATE_S", -RUN_REQUEST.limit_s)
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.order(hold, WorkId("run-1"), RUN_REQUEST, why="it is due")
    claim = store.claim(JOB, WorkId("run-1"), lease_s=60)
    assert claim is not None
    return Lease(store, claim, heartbeat_s=60, lease_s=60, handed_back=threading.Event())


def test_waiting_for_a_teacher_takes_no_time_of_training(lease: Lease, tmp_path: Path) -> None:
    launcher = ScriptedLauncher(ASKING, ASKING)

    assert carry_out(lease, launcher=launcher, artifacts=artifacts_at(tmp_path)) == FAILED


@pytest.mark.parametrize(("room_gib", "left"), [(1.0, 2), (0.0, 0)])
def test_after_a_run_prepared_data_of_all_jobs_is_held_within_its_bound(
    lease: Lease, tmp_path: Path, room_gib: float, left: int
) -> None:
    for job in (JOB, "j-another"):
        prepared = tmp_path / job / "data" / "abc"
        prepared.mkdir(parents=True)
        (prepared / MANIFEST).write_text("[]")

    perform(lease, launcher=ScriptedLauncher(), artifacts=artifacts_at(tmp_path), data_gib=room_gib)

    assert len(list(tmp_path.glob("*/data/abc"))) == left


def test_a_run_that_stays_busy_when_its_time_is_up_is_stopped(lease: Lease, tmp_path: Path) -> None:
    with pytest.raises(OutOfTime, match="wanted training to stop"):
        carry_out(
            lease, launcher=ScriptedLauncher(ASKING, "training"), artifacts=artifacts_at(tmp_path)
        )
