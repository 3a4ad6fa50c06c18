import threading
from pathlib import Path
from typing import Any, Self, cast

import pytest

from services.executor import attempt
from services.executor.attempt import carry_out
from services.executor.teacher.teacher import ASKING
from services.executor.training import Training, WarmTrainer
from shared.answering import Lease
from shared.contracts.base import WorkId
from shared.contracts.run import Outcome, Progress
from shared.errors import OutOfTime
from shared.store_memory import MemoryStore
from tests.support.examples import FAILED, JOB, RUN_REQUEST, SPEC


class Scripted:
    """A training that is in one phase after the other and then fails."""

    def __init__(self, phases: list[str]) -> None:
        self.progress: Progress | None = None
        self._phases = iter(phases)

    def wait(self, for_s: float) -> Outcome | None:
        phase = next(self._phases, None)
        self.progress = None if phase is None else Progress(phase=phase)
        return FAILED if phase is None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class ScriptedTrainer(WarmTrainer):
    def __init__(self, *phases: str) -> None:
        super().__init__(grace_s=5)
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
    trainer = ScriptedTrainer(ASKING, ASKING)

    assert carry_out(lease, trainer=trainer, artifacts=tmp_path) == FAILED


def test_a_run_that_stays_busy_when_its_time_is_up_is_stopped(lease: Lease, tmp_path: Path) -> None:
    with pytest.raises(OutOfTime, match="wanted training to stop"):
        carry_out(lease, trainer=ScriptedTrainer(ASKING, "training"), artifacts=tmp_path)
