"""A training in a place that does what a test says."""

from pathlib import Path

import pytest

from services.executor.launchers.elsewhere import TrainingElsewhere, lay_out
from services.executor.launchers.local import WarmTrainer
from services.executor.launchers.mailbox import Errand, Listener, send
from services.executor.worker import launcher_of
from shared.contracts.base import ExperimentId, WorkId
from shared.contracts.run import Progress
from shared.errors import TrainingFailed
from shared.settings import LauncherSettings, QueueSettings
from shared.telemetry.stories import trace_of
from shared.telemetry.telling import ordering
from tests.support.examples import JOB, PROGRESS, RUN_REQUEST, TRAINED
from tests.support.listening import listening


class Place:
    """Where a process is there until somebody says how it ended, or stops it."""

    def __init__(self, look_s: float = 0.0) -> None:
        self.look_s = look_s
        self.how: str | None = None
        self.asked = 0
        self.stays = False

    def waits_for(self) -> str:
        return "a miracle"

    def ended(self) -> str | None:
        self.asked += 1
        return self.how

    def stop(self) -> None:
        if not self.stays:
            self.how = "was stopped"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attempt-1" / "checkpoint"


def training_in(place: Place, folder: Path) -> TrainingElsewhere:
    pulse = lay_out(
        RUN_REQUEST, folder, folder.parent, interrupted=None, processes=2, heartbeat_s=5.0
    )
    return TrainingElsewhere(place, pulse, folder, grace_s=0.0)


def test_what_is_to_be_done_is_in_the_folder(folder: Path) -> None:
    training_in(Place(), folder)

    errand = Errand.read(folder.parent)
    assert (errand.request, errand.checkpoint) == (RUN_REQUEST, str(folder))
    assert (errand.processes, errand.patience_s) == (2, 15.0)


def test_what_has_the_process_go_on_with_the_story_is_there_too(folder: Path) -> None:
    with listening(), ordering(JOB, WorkId("run-1"), RUN_REQUEST, again=False):
        training_in(Place(), folder)

    carrier = Errand.read(folder.parent).carrier
    assert carrier["traceparent"].split("-")[1] == f"{trace_of(JOB, ExperimentId(1)):032x}"
    assert carrier["trex.work_id"] == "run-1"


def test_until_the_first_word_it_waits_and_takes_no_time(folder: Path) -> None:
    training = training_in(Place(), folder)

    assert training.wait(0) is None
    assert (training.progress, training.seconds) == (Progress(phase="waiting for a miracle"), 0)
    send(folder.parent, PROGRESS)
    assert training.wait(0) is None
    assert training.progress == PROGRESS
    assert training.seconds > 0


def test_an_outcome_said_before_the_end_counts(folder: Path) -> None:
    place = Place()
    training = training_in(place, folder)
    send(folder.parent, TRAINED)
    place.how = "ended with status 0"

    assert training.wait(0) == TRAINED


def test_an_end_without_an_outcome_is_a_failure(folder: Path) -> None:
    place = Place()
    training = training_in(place, folder)
    send(folder.parent, PROGRESS)
    place.how = "ended with status 7"

    with pytest.raises(TrainingFailed, match="the training process ended with status 7"):
        training.wait(0)


def test_a_place_is_not_asked_more_often_than_it_wants_to_be(folder: Path) -> None:
    place = Place(look_s=60.0)
    training = training_in(place, folder)

    for _ in range(9):
        training.wait(0)

    assert place.asked == 1


def test_what_has_not_begun_is_not_waited_for_to_save(folder: Path) -> None:
    place = Place()
    training = training_in(place, folder)

    training.save_and_leave(60)

    assert place.asked == 0


def test_what_has_begun_is_told_to_save_and_waited_for(folder: Path) -> None:
    place = Place()
    training = training_in(place, folder)
    send(folder.parent, PROGRESS)
    training.wait(0)
    listener = Listener(folder.parent)

    training.save_and_leave(0)
    listener.silent_s()

    assert listener.told_to_leave
    assert place.asked > 1


def test_what_is_still_there_after_its_outcome_is_stopped(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, stubborn = Place(), Place()
    stubborn.stays = True

    for one in (place, stubborn):
        with training_in(one, folder):
            pass

    assert place.how == "was stopped"
    assert len(caplog.messages) == 1
    assert "may still be there" in caplog.text


@pytest.mark.parametrize(
    ("settings", "launcher"),
    [
        ({"kind": "accelerate", "processes": 2}, "AccelerateLauncher"),
        ({"kind": "slurm", "partition": "gpu"}, "SlurmLauncher"),
        ({"kind": "kubernetes", "image": "i", "volumes": {"c": "/a"}}, "KubernetesLauncher"),
    ],
)
def test_a_worker_has_its_runs_trained_where_its_settings_say(
    settings: dict[str, object], launcher: str
) -> None:
    trainer = WarmTrainer(grace_s=1.0)

    found = launcher_of(LauncherSettings.model_validate(settings), QueueSettings(), trainer)

    assert type(found).__name__ == launcher
