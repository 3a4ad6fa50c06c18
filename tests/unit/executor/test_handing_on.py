"""Attempts at a run on hosts that share no folder: what one leaves, the next takes up."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

import pytest

from services.executor.attempt import carry_out
from services.executor.interruption import SECONDS, STATE, scratch_of
from services.executor.launchers.launcher import Training
from services.executor.worker import perform
from shared.answering import GivenUp, Lease
from shared.artifacts.artifacts import Artifacts
from shared.contracts.base import WorkId
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.run import Outcome, Progress, RunRequest, Trained
from shared.errors import NoArtifact
from shared.store_memory import MemoryStore
from tests.support.artifacts import artifacts_at
from tests.support.examples import JOB, RUN_REQUEST, SPEC, TRAINED

WORK = WorkId("run-1")


class Scripted:
    """A training that takes a hundred steps, and is told to stop after so many."""

    def __init__(self, folder: Path, begun: int, stop: Callable[[], None] | None, upto: int):
        self.progress: Progress | None = None
        self.seconds = 0.0
        self._folder, self._step, self._stop, self._upto = folder, begun, stop, upto

    def wait(self, for_s: float) -> Outcome | None:
        self._step += 1
        if self._stop is not None and self._step == self._upto:
            self._stop()
        if self._step < 100:
            return None
        self._folder.mkdir(parents=True)
        (self._folder / "model.safetensors").write_bytes(b"weights")
        resume = self._folder.with_name("resume")
        resume.mkdir()
        (resume / STATE).write_text(json.dumps({"global_step": 100}))
        return TRAINED.model_copy(update={"checkpoint": str(self._folder), "resume": str(resume)})

    def save_and_leave(self, within_s: float) -> None:
        saved = scratch_of(self._folder) / f"checkpoint-{self._step}"
        saved.mkdir(parents=True)
        (saved / STATE).write_text(json.dumps({"global_step": self._step}))
        (saved / SECONDS).write_text("3.5")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class ScriptedLauncher:
    """Remembers what it was asked to start and from which step it began."""

    def __init__(self, stop: Callable[[], None] | None = None, *, upto: int = 0) -> None:
        self.asked: list[RunRequest] = []
        self.begun: list[int] = []
        self._stop, self._upto = stop, upto

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> Training:
        begun = 0
        if interrupted is not None:
            begun = json.loads((interrupted / STATE).read_text())["global_step"]
        self.asked.append(request)
        self.begun.append(begun)
        return cast(Training, Scripted(folder, begun, self._stop, self._upto))


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[Artifacts, Artifacts]:
    url = f"file://{tmp_path}/shared"
    return artifacts_at(tmp_path / "one", url), artifacts_at(tmp_path / "two", url)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    order(store, "run-1", RUN_REQUEST)
    return store


def order(store: MemoryStore, work: str, request: Any) -> None:
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.order(hold, WorkId(work), request, why="it is due")


def lease_on(store: MemoryStore, work: str = "run-1", *, lease_s: float = 60) -> Lease:
    claim = store.claim(JOB, WorkId(work), lease_s=lease_s)
    assert claim is not None
    return Lease(store, claim, heartbeat_s=60, lease_s=60, handed_back=threading.Event())


def trained(lease: Lease, host: Artifacts) -> tuple[Trained, ScriptedLauncher]:
    launcher = ScriptedLauncher()
    outcome = carry_out(lease, launcher=launcher, artifacts=host)
    assert isinstance(outcome, Trained)
    return outcome, launcher


def test_what_was_trained_on_one_host_is_trained_on_from_on_another(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    first, _ = trained(lease_on(store), hosts[0])
    names = {"start_from": first.checkpoint, "resume_from": first.resume}
    order(store, "run-2", RUN_REQUEST.model_copy(update=names))

    _, launcher = trained(lease_on(store, "run-2"), hosts[1])

    (asked,) = launcher.asked
    assert first.checkpoint.startswith("file://")
    assert asked.start_from is not None
    assert asked.resume_from is not None
    assert (Path(asked.start_from) / "model.safetensors").read_bytes() == b"weights"
    assert (Path(asked.resume_from) / STATE).is_file()
    assert Path(asked.start_from).is_relative_to(hosts[1].folder)


def test_a_run_that_was_handed_back_goes_on_on_another_host(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    lease = lease_on(store)
    launcher = ScriptedLauncher(lease.handed_back.set, upto=40)
    with pytest.raises(GivenUp):
        carry_out(lease, launcher=launcher, artifacts=hosts[0])
    store.release(lease.claim, blameless=True)

    outcome, next_ = trained(lease_on(store), hosts[1])

    assert next_.begun == [40]
    assert hosts[0].stored("").keys() == {outcome.checkpoint, outcome.resume}
    assert hosts[0].is_whole(outcome.checkpoint)


def test_the_host_itself_goes_on_from_where_it_got_farther(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    lease = lease_on(store)
    with pytest.raises(GivenUp):
        carry_out(
            lease, launcher=ScriptedLauncher(lease.handed_back.set, upto=40), artifacts=hosts[0]
        )
    store.release(lease.claim, blameless=True)
    farther = hosts[1].folder / JOB / WORK / "attempt-7" / "checkpoint"
    Scripted(farther, 60, None, 0).save_and_leave(1)

    assert trained(lease_on(store), hosts[1])[1].begun == [60]


def test_what_an_attempt_published_that_lost_its_lease_is_removed_by_its_successor(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    late, _ = trained(lease_on(store, lease_s=-1), hosts[0])
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    store.reap(hold)

    outcome, _ = trained(lease_on(store), hosts[1])

    assert outcome.checkpoint != late.checkpoint
    assert hosts[0].is_whole(outcome.checkpoint)
    assert not hosts[0].is_whole(late.checkpoint)


def test_an_attempt_that_lost_its_lease_publishes_nothing(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    lease = lease_on(store)

    def lose() -> None:
        lease._taken_away = True

    class Late(Scripted):
        def wait(self, for_s: float) -> Outcome | None:
            outcome = super().wait(for_s)
            if outcome is not None:
                lose()
            return outcome

    class LateLauncher(ScriptedLauncher):
        def start(self, request: RunRequest, folder: Path, *_: Any, **__: Any) -> Training:
            return cast(Training, Late(folder, 98, None, 0))

    with pytest.raises(GivenUp):
        carry_out(lease, launcher=LateLauncher(), artifacts=hosts[0])
    assert not any(map(hosts[0].is_whole, hosts[0].stored("")))


def test_a_run_whose_start_is_gone_fails_with_its_name(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    first, _ = trained(lease_on(store), hosts[0])
    hosts[0].discard(first.checkpoint)
    order(store, "run-2", RUN_REQUEST.model_copy(update={"start_from": first.checkpoint}))

    with pytest.raises(NoArtifact, match="run-1/attempt-1/checkpoint: wanted what a run published"):
        trained(lease_on(store, "run-2"), hosts[1])


def test_a_run_that_cannot_be_resumed_is_started_again(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    first, _ = trained(lease_on(store), hosts[0])
    assert first.resume is not None
    hosts[0].discard(first.resume)
    order(store, "run-2", RUN_REQUEST.model_copy(update={"resume_from": first.resume}))

    _, launcher = trained(lease_on(store, "run-2"), hosts[1])

    (asked,) = launcher.asked
    assert asked.resume_from is not None
    assert not Path(asked.resume_from).exists()


def test_any_host_removes_what_nothing_asks_for_any_more(
    store: MemoryStore, hosts: tuple[Artifacts, Artifacts]
) -> None:
    made, _ = trained(lease_on(store), hosts[0])
    base, _, _ = made.checkpoint.rpartition(f"/{JOB}/")
    wanted = (
        made.checkpoint,
        f"{base}/{JOB}/run-1",
        f"{base}/{JOB}/run-1/attempt-1/train.log",
        f"{base}/j-other/run-1/attempt-1/checkpoint",
        f"{base}/{JOB}/../j-other/attempt-1/checkpoint",
        f"s3://elsewhere/{JOB}/run-1/attempt-1/checkpoint",
    )
    order(store, "discard-1", DiscardRequest(job_id=JOB, folders=wanted))

    done = perform(
        lease_on(store, "discard-1"),
        launcher=ScriptedLauncher(),
        artifacts=hosts[1],
        data_gib=1,
    )

    assert isinstance(done, Discarded)
    assert done.bytes == len(b"weights")
    assert len(done.left) == len(wanted) - 1
    assert sum("that a run of j-0a1b2c3d published" in line for line in done.left) == 4
    assert list(hosts[0].stored("")) == [made.resume]
