"""Every launcher, before a Slurm and a Kubernetes of one machine."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.evaluator.in_process import TransformersScorer
from services.executor.launchers.accelerate import AccelerateLauncher
from services.executor.launchers.kubernetes import KubernetesLauncher
from services.executor.launchers.launcher import Launcher
from services.executor.launchers.local import WarmTrainer
from services.executor.launchers.slurm import SlurmLauncher
from shared.contracts.run import Failed, Trained
from shared.errors import TrainingFailed
from tests.suites.launcher import (
    Ask,
    Interrupted,
    LauncherSuite,
    end_soon,
    processes_of,
    wait_for,
)
from tests.support.certifying import certified, is_the_same_model
from tests.support.kubernetes import NAMESPACE, Cluster
from tests.support.slurm import make_slurm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GRACE_S, HEARTBEAT_S, LOOK_S = 5.0, 1.0, 0.2


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "slurm"
    monkeypatch.setenv("PATH", f"{make_slurm(home)}:{os.environ['PATH']}")
    return home


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def slurm_launcher(slurm: Path) -> SlurmLauncher:
    return SlurmLauncher(
        processes=1,
        gpus=False,
        partition="debug",
        cpus=1,
        memory_gib=2,
        grace_s=GRACE_S,
        heartbeat_s=HEARTBEAT_S,
        look_s=LOOK_S,
    )


def kubernetes_launcher(cluster: Cluster, mounted: Path, image: str) -> KubernetesLauncher:
    return KubernetesLauncher(
        api=cluster.url,
        namespace=NAMESPACE,
        image=image,
        volumes={"artifacts": mounted},
        processes=1,
        gpus=True,
        cpus=None,
        memory_gib=None,
        grace_s=GRACE_S,
        heartbeat_s=HEARTBEAT_S,
        look_s=LOOK_S,
    )


class TestLocal(LauncherSuite):
    @pytest.fixture
    def launcher(self, trainer: WarmTrainer) -> Launcher:
        return trainer


class TestAccelerate(LauncherSuite):
    @pytest.fixture
    def launcher(self) -> Launcher:
        return AccelerateLauncher(processes=2, grace_s=GRACE_S, heartbeat_s=HEARTBEAT_S)


class TestSlurm(LauncherSuite):
    @pytest.fixture
    def launcher(self, slurm_launcher: SlurmLauncher) -> Launcher:
        return slurm_launcher


class TestKubernetes(LauncherSuite):
    @pytest.fixture
    def launcher(self, cluster: Cluster, tmp_path: Path) -> Launcher:
        return kubernetes_launcher(cluster, tmp_path, "executor")


Full = tuple[Launcher, str, Callable[[], object]]


@pytest.fixture(params=["slurm", "kubernetes"])
def full(
    request: pytest.FixtureRequest, tmp_path: Path, cluster: Cluster, slurm_launcher: SlurmLauncher
) -> Full:
    """A launcher before a cluster without a free place, what it waits for, and how to make room."""
    if request.param == "slurm":
        mark = tmp_path / "slurm" / "full"
        mark.touch()
        return slurm_launcher, "waiting for a place in the Slurm queue", mark.unlink
    cluster.is_full = True
    launcher = kubernetes_launcher(cluster, tmp_path, "executor")
    return launcher, "waiting for a place in Kubernetes (Unschedulable)", cluster.make_room


def test_waiting_for_a_place_is_shown_and_takes_none_of_the_runs_time(
    full: Full, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher, waits, make_room = full

    with launcher.start(ask(), folder, tmp_path / "data") as training:
        assert training.wait(1.0) is None
        assert training.progress is not None
        assert (training.progress.phase, training.seconds) == (waits, 0.0)
        make_room()
        outcome = training.wait(60)
        took_s = training.seconds

    assert isinstance(outcome, Trained), outcome
    assert took_s > 0


def test_a_run_that_is_given_up_while_it_waits_never_begins(
    full: Full, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher, _, make_room = full

    def given_up() -> None:
        with launcher.start(ask(), folder, tmp_path / "data") as training:
            training.wait(0.5)
            training.save_and_leave(10)
            raise Interrupted

    with pytest.raises(Interrupted):
        given_up()
    make_room()
    time.sleep(1.0)

    assert processes_of(folder) == []
    assert not (folder.parent / "mail.jsonl").exists()


@pytest.mark.usefixtures("slurm")
def test_a_job_that_slurm_refuses_is_a_sentence(ask: Ask, folder: Path, tmp_path: Path) -> None:
    launcher = SlurmLauncher(
        processes=1,
        gpus=True,
        partition="nowhere",
        cpus=None,
        memory_gib=None,
        grace_s=GRACE_S,
        heartbeat_s=HEARTBEAT_S,
    )

    with pytest.raises(TrainingFailed, match=r"wanted Slurm to take the run, found: .*nowhere"):
        launcher.start(ask(), folder, tmp_path / "data")


def test_a_job_that_kubernetes_refuses_is_a_sentence(
    cluster: Cluster, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher = kubernetes_launcher(cluster, tmp_path, "NO IMAGE")

    with pytest.raises(TrainingFailed, match=r"found: 422 .*couldn't parse image reference"):
        launcher.start(ask(), folder, tmp_path / "data")


def test_a_folder_that_no_pod_would_see_is_refused(
    cluster: Cluster, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher = kubernetes_launcher(cluster, tmp_path / "elsewhere", "executor")

    with pytest.raises(TrainingFailed, match=r"on a volume, found .*elsewhere mounted; correct"):
        launcher.start(ask(), folder, tmp_path / "data")
    assert cluster.jobs == {}


def test_an_api_server_that_is_away_for_a_while_ends_no_run(
    cluster: Cluster, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher = kubernetes_launcher(cluster, tmp_path, "executor")

    with launcher.start(ask(), folder, tmp_path / "data") as training:
        wait_for(training, "")
        cluster.is_away = True
        assert training.wait(1.0) is None
        cluster.is_away = False
        outcome = training.wait(60)

    assert isinstance(outcome, Trained), outcome


def test_two_processes_train_what_one_trains(
    trainer: WarmTrainer, ask: Ask, folder: Path, tmp_path: Path
) -> None:
    """Over the end of an epoch; what is left of the difference is the order of additions.

    112 samples, which would stand in another order if a step were taken for one process's part.
    """
    request = ask(2.0)
    *others, hold_out = request.recipe.data
    data = (*others, hold_out.model_copy(update={"max_samples": 8}))
    recipe = request.recipe.model_copy(update={"data": data})
    request = request.model_copy(update={"recipe": recipe})
    launchers: dict[int, Launcher] = {
        1: trainer,
        2: AccelerateLauncher(processes=2, grace_s=GRACE_S, heartbeat_s=HEARTBEAT_S),
    }
    outcomes = {}
    for processes, launcher in launchers.items():
        checkpoint = folder.parent.with_name(f"attempt-{processes}") / folder.name
        with launcher.start(request, checkpoint, tmp_path / "data") as training:
            outcomes[processes] = training.wait(90)

    one, two = outcomes[1], outcomes[2]
    assert isinstance(one, Trained), one
    assert isinstance(two, Trained), two
    assert (two.steps, two.tokens, two.micro_batch) == (one.steps, one.tokens, one.micro_batch // 2)
    for ours, theirs in (
        (two.train_curve, one.train_curve),
        (two.held_out_curve, one.held_out_curve),
    ):
        assert [p.step for p in ours] == [p.step for p in theirs]
        assert [p.loss for p in ours] == pytest.approx([p.loss for p in theirs], rel=1e-3)
    assert one.train_curve[-1].loss < 0.99 * one.train_curve[0].loss
    shown = certified(two.checkpoint, recipe.base_model, TransformersScorer())
    assert is_the_same_model(shown), shown


def test_when_one_of_two_processes_dies_the_run_has_failed_and_none_is_left(
    ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher = AccelerateLauncher(processes=2, grace_s=GRACE_S, heartbeat_s=HEARTBEAT_S)

    with launcher.start(ask(10_000), folder, tmp_path / "data") as training:
        wait_for(training, "training")
        [second] = [p for p in processes_of(folder) if p.environ().get("RANK") == "1"]
        second.kill()
        try:
            outcome = training.wait(60)
        except TrainingFailed:
            outcome = None

    assert not isinstance(outcome, Trained)
    assert end_soon(folder)


def test_a_step_that_processes_cannot_share_evenly_is_refused(
    ask: Ask, folder: Path, tmp_path: Path
) -> None:
    launcher = AccelerateLauncher(processes=3, grace_s=GRACE_S, heartbeat_s=HEARTBEAT_S)

    with launcher.start(ask(), folder, tmp_path / "data") as training:
        outcome = training.wait(60)

    assert isinstance(outcome, Failed)
    assert "wanted steps that 3 processes share evenly, found 8 samples in a step" in outcome.detail
