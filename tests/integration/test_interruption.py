"""Runs that are interrupted and go on elsewhere, against the same runs left in peace."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from services.executor.attempt import carry_out
from services.executor.interruption import ToldToStop, take_over
from services.executor.launchers.local import LocalTraining, WarmTrainer
from services.executor.pipeline import materialise
from services.executor.trainers.train import train
from shared.answering import GivenUp, Lease, answer
from shared.contracts.base import WorkId
from shared.contracts.events import WorkEnded
from shared.contracts.method import FullTuning, Lora
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress, Trained
from shared.contracts.work import Result
from shared.store_memory import MemoryStore
from tests.support.artifacts import artifacts_at
from tests.support.examples import JOB, SPEC, run_request

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of settings that TRL itself uses

WORK = WorkId("run-1")
ADAPTERS = (FullTuning(), Lora(r=4, lora_alpha=8, lora_dropout=0.1))

Fit = Callable[..., Trained]


class PowerCut(Exception):
    """Nothing could be saved any more."""


def at_step(number: int, happens: Callable[[], None]) -> Callable[[Progress], None]:
    def say(progress: Progress) -> None:
        if progress.phase == "training" and progress.step == number:
            happens()

    return say


def told_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def power_cut() -> None:
    raise PowerCut


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """Training in this process, in the folder of a numbered attempt."""

    def fit(recipe: Recipe, attempt: int, say: Any = lambda _: None, **how: Any) -> Trained:
        data = materialise(recipe.data, tmp_path / "data")
        folder = tmp_path / f"attempt-{attempt}" / "checkpoint"
        request = run_request(recipe)
        return train(request, data, folder, say=say, save_every_s=0.0, **how)

    return fit


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    (file,) = Path(trained.checkpoint).glob("*.safetensors")
    tensors: dict[str, torch.Tensor] = load_file(file)
    return tensors


def same(one: Trained, other: Trained) -> bool:
    """Whether the curves and every bit of the weights are the same."""
    ours, theirs = weights(one), weights(other)
    return (
        (one.train_curve, one.held_out_curve) == (other.train_curve, other.held_out_curve)
        and (one.steps, one.tokens) == (other.steps, other.tokens)
        and ours.keys() == theirs.keys()
        and all(bool((ours[name] == theirs[name]).all()) for name in ours)
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("happens", "ends_with"), [(told_to_stop, ToldToStop), (power_cut, PowerCut)]
)
def test_an_interrupted_run_ends_bit_for_bit_as_one_left_in_peace(
    fit: Fit,
    recipe: Recipe,
    tmp_path: Path,
    adapter: FullTuning | Lora,
    happens: Callable[[], None],
    ends_with: type[Exception],
) -> None:
    """Over the end of an epoch, with dropout: order, schedule, optimizer and luck go on."""
    method = recipe.method.model_copy(update={"num_train_epochs": 1.5})
    longer = recipe.model_copy(update={"adapter": adapter, "method": method})
    peaceful = fit(longer, 1)

    with pytest.raises(ends_with):
        fit(longer, 2, say=at_step(7, happens))
    left = take_over(tmp_path, tmp_path / "attempt-3" / "interrupted")
    assert left is not None
    steps: list[int] = []
    went_on = fit(longer, 3, lambda progress: steps.append(progress.step), interrupted=left)

    assert same(went_on, peaceful)
    assert next(step for step in steps if step) >= 7


def test_the_time_of_an_interrupted_attempt_counts(
    fit: Fit, recipe: Recipe, tmp_path: Path
) -> None:
    def slow(progress: Progress) -> None:
        if progress.step == 2:
            time.sleep(1.0)
        at_step(4, told_to_stop)(progress)

    with pytest.raises(ToldToStop):
        fit(recipe, 1, slow)
    left = take_over(tmp_path, tmp_path / "attempt-2" / "interrupted")

    assert fit(recipe, 2, interrupted=left).gpu_seconds > 1.0


@pytest.mark.parametrize(
    "unfinished", [{}, {"seconds": ""}, {"trainer_state.json": '{"global_st', "seconds": "2.0"}]
)
def test_what_was_not_written_to_its_end_is_not_gone_on_from(
    tmp_path: Path, unfinished: dict[str, str]
) -> None:
    whole, torn = (tmp_path / f"attempt-1/checkpoint.trainer/checkpoint-{n}" for n in (3, 4))
    for folder, written in ((whole, {"seconds": "1.5"}), (torn, unfinished)):
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(
            json.dumps({"global_step": int(folder.name[-1])})
        )
        for name, text in written.items():
            (folder / name).write_text(text)

    taken = take_over(tmp_path, tmp_path / "attempt-2" / "interrupted")

    assert taken is not None
    assert "3" in (taken / "trainer_state.json").read_text()
    assert not whole.exists()
    assert take_over(tmp_path, tmp_path / "attempt-3" / "interrupted") is not None  # from 2


@pytest.fixture
def store(recipe: Recipe) -> MemoryStore:
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    method = recipe.method.model_copy(update={"num_train_epochs": 10})
    request = run_request(recipe.model_copy(update={"method": method}))
    store.order(hold, WORK, request, why="it is due")
    return store


@pytest.fixture
def lease(store: MemoryStore) -> Lease:
    claim = store.claim(JOB, WORK, lease_s=60)
    assert claim is not None
    return Lease(store, claim, heartbeat_s=60, lease_s=60, handed_back=threading.Event())


@pytest.mark.parametrize(("how", "stays"), [("lost", True), ("cancelled", False)])
def test_a_run_that_is_somebody_elses_by_now_is_left_as_it_is(
    lease: Lease, trainer: WarmTrainer, tmp_path: Path, how: str, stays: bool
) -> None:
    home = tmp_path / JOB / WORK
    own = home / f"attempt-{lease.claim.fence}" / "checkpoint.trainer" / "checkpoint-5"
    others = home / "attempt-99" / "checkpoint.trainer" / "checkpoint-7"
    setattr(lease, {"lost": "_taken_away"}.get(how, how), True)

    class Meanwhile(WarmTrainer):
        def start(self, *args: Any, **how: Any) -> LocalTraining:
            for folder in (own, others):  # as if both had trained since
                folder.mkdir(parents=True)
            return trainer.start(*args, **how)

    with pytest.raises(GivenUp):
        carry_out(lease, launcher=Meanwhile(grace_s=5), artifacts=artifacts_at(tmp_path))

    assert others.exists()
    assert own.exists() == stays


def test_a_worker_that_leaves_hands_its_run_on_to_another(
    store: MemoryStore, trainer: WarmTrainer, tmp_path: Path
) -> None:
    stopping = threading.Event()

    def perform(lease: Lease) -> Result:
        return carry_out(lease, launcher=trainer, artifacts=artifacts_at(tmp_path))

    def work() -> None:
        answer(
            JOB,
            WORK,
            store=store,
            perform=perform,
            heartbeat_s=0.05,
            lease_s=60,
            handed_back=stopping,
        )

    worker = threading.Thread(target=work)
    worker.start()
    while store.progress(JOB).get(WORK, Progress(phase="")).step < 20:
        assert worker.is_alive()
        time.sleep(0.02)
    stopping.set()
    worker.join()
    (left,) = tmp_path.glob(f"{JOB}/{WORK}/attempt-*/checkpoint.trainer/checkpoint-*")
    begun = int(left.name.removeprefix("checkpoint-"))

    stopping.clear()
    work()

    event = store.read(JOB)[-1].event
    assert isinstance(event, WorkEnded)
    assert isinstance(event.result, Trained)
    assert 20 <= begun < event.result.steps
    assert [f.name for f in (tmp_path / JOB / WORK).glob("attempt-*/*")].count("interrupted") == 0
    assert event.result.train_curve[0].step < begun
