"""A real researcher asks a model over HTTP; the runs it wants were made before, see the tables."""

import pytest

from tests.support.researched import desk_for, worth_after_each
from trex.fake_llm.answers import Play
from trex.fake_llm.researchers import competent, saboteur
from trex.fake_llm.server import FakeLlm

pytestmark = pytest.mark.slow

SEEDS = range(3)
EXPERIMENTS = 10
GOOD = 0.9
"""Share of the best recipe's true score."""


def searches(play: Play | None) -> list[list[float]]:
    """What each search on the demo's task is worth after each experiment."""
    if play is None:
        return [
            worth_after_each("dates", desk_for(None), seed=seed, experiments=EXPERIMENTS)
            for seed in SEEDS
        ]
    with FakeLlm(play) as model:
        return [
            worth_after_each("dates", desk_for(model), seed=seed, experiments=EXPERIMENTS)
            for seed in SEEDS
        ]


def needed(worth: list[float]) -> int:
    return next(number for number, share in enumerate(worth, start=1) if share >= GOOD)


@pytest.fixture(scope="module")
def rules_alone() -> list[list[float]]:
    return searches(None)


def test_with_a_competent_model_a_job_needs_fewer_experiments_than_with_rules_alone(
    rules_alone: list[list[float]],
) -> None:
    helped = searches(competent)

    assert sum(map(needed, helped)) < sum(map(needed, rules_alone))


def test_a_saboteur_takes_at_most_a_fifth_of_what_rules_alone_find(
    rules_alone: list[list[float]],
) -> None:
    harmed = searches(saboteur)

    assert all(len(search) == EXPERIMENTS for search in harmed)
    assert sum(s[-1] for s in harmed) >= 0.8 * sum(s[-1] for s in rules_alone)
