from pathlib import Path

import pytest

from shared.trouble import clock_trouble, room_trouble, version_trouble

FOLDER = Path("/artifacts")


@pytest.mark.parametrize("mine", [3, 2])
def test_a_worker_of_the_planners_version_or_the_one_before_is_accepted(mine: int) -> None:
    assert version_trouble(3, mine=mine) is None


def test_while_no_planner_has_said_its_version_every_worker_is_accepted() -> None:
    assert version_trouble(None, mine=9) is None


def test_an_older_worker_is_refused_and_told_what_to_change() -> None:
    assert version_trouble(3, mine=1) == (
        "wanted a worker with contracts 3 or 2, as the planner has them, found 1; upgrade this "
        "worker"
    )


def test_a_newer_worker_waits_for_the_planner() -> None:
    said = version_trouble(3, mine=4)

    assert said is not None
    assert said.endswith("found 3; it waits until the planner is upgraded")


@pytest.mark.parametrize(("ahead_s", "said"), [(3600.0, "3,600 s ahead"), (-90.0, "90 s behind")])
def test_a_clock_that_is_wrong_is_named(ahead_s: float, said: str) -> None:
    assert said in (clock_trouble(ahead_s) or "")


@pytest.mark.parametrize("ahead_s", [0.0, 59.0, -59.0])
def test_a_clock_that_is_nearly_right_is_no_trouble(ahead_s: float) -> None:
    assert clock_trouble(ahead_s) is None


def test_a_folder_without_room_is_named() -> None:
    assert "wanted 1 GiB free in /artifacts, found 0.25; " in (room_trouble(0.25, FOLDER) or "")


def test_a_folder_with_room_and_a_worker_without_folder_are_no_trouble() -> None:
    assert room_trouble(1.0, FOLDER) is None
    assert room_trouble(None, None) is None
