"""How often a job may look at which rows."""

import pytest

from services.evaluator.chain import Told
from services.evaluator.openings import LOOKS, allow
from shared.contracts.base import WorkId
from shared.errors import ScoringFailed
from tests.support.examples import score
from tests.support.sealed import asking


def told(split: str, *experiments: int) -> list[Told]:
    return [
        Told(
            work_id=WorkId(f"{split}-{number}"),
            at=1_790_000_000.0,
            request=asking(number, split),
            score=score(0.5, split=split),
        )
        for number in experiments
    ]


@pytest.mark.parametrize("before", [(), (0,), (3,)])
def test_test_is_opened_for_the_base_model_and_for_one_experiment(before: tuple[int, ...]) -> None:
    for missing in {0, 3} - set(before):
        allow(told("test", *before), asking(missing, "test"))


def test_test_is_not_opened_for_a_second_experiment() -> None:
    said = r"found it opened for #3 at 2026-09-21 \d\d:\d\d UTC when #4 asked"
    with pytest.raises(ScoringFailed, match=said):
        allow(told("test", 0, 3), asking(4, "test"))


@pytest.mark.parametrize("experiment", [0, 3])
def test_test_is_not_opened_twice_for_the_same_model(experiment: int) -> None:
    with pytest.raises(ScoringFailed, match=f"opened for #{experiment} at .* #{experiment} asked"):
        allow(told("test", 0, 3), asking(experiment, "test"))


def test_confirm_is_scored_a_limited_number_of_times() -> None:
    allow(told("confirm", *range(1, LOOKS)), asking(500, "confirm"))

    with pytest.raises(ScoringFailed, match=f"wanted at most {LOOKS} scores of confirm"):
        allow(told("confirm", *range(1, LOOKS + 1)), asking(500, "confirm"))


def test_dev_is_scored_as_often_as_a_search_likes() -> None:
    allow(told("dev", *range(2 * LOOKS)), asking(500))
