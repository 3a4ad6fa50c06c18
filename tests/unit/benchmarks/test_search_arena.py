"""What a run costs, when it ends and what is taken down, on scripts that can be done by hand."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from random import Random

import pytest

from benchmarks.search.arena import Outcome, play
from benchmarks.search.world import (
    Configuration,
    Deliverable,
    Delivered,
    Dimension,
    Measured,
    Researcher,
    Split,
    Trial,
)

QUARTER, FULL = 0, 1
"""Rungs."""


class Plain:
    """A configuration is its cost and its worth; one worth less than nothing crashes."""

    rungs: Sequence[float] = (0.25, 1.0)
    dimensions: Sequence[Dimension] = (Dimension("cost", None), Dimension("worth", None))

    def draft(self, rng: Random) -> Configuration:
        return (1.0, float(rng.randrange(3)))

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        return parent

    def cost(self, configuration: Configuration) -> float:
        return configuration[0]

    def crashes(self, configuration: Configuration) -> bool:
        return configuration[1] < 0

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        return Measured(configuration[1] + 10 * seed, 0.01)

    def truth(self, configuration: Configuration) -> float:
        return configuration[1]

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        return configuration[1] + 0.05 * seed

    def regret(self, truth: float) -> float:
        return 1 - truth


class Scripted:
    """Asks for what it was given, waits where that is None, hands back the highest score."""

    def __init__(self, script: Iterable[Trial | None]) -> None:
        self.script = iter(script)
        self.asked: list[tuple[float, int]] = []
        self.told: list[tuple[Trial, Measured | None]] = []

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        self.asked.append((spent, in_flight))
        return next(self.script, None)

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        self.told.append((trial, measured))

    def deliver(self, what: Deliverable) -> Delivered | None:
        found = [(m.value, trial) for trial, m in self.told if m]
        if not found:
            return None
        value, trial = max(found, key=lambda one: one[0])
        return Delivered(trial.configuration, trial.rung, trial.seed, value)


def run(
    cost: float = 1.0,
    rung: int = FULL,
    *,
    worth: float = 0.5,
    seed: int = 0,
    split: Split = "search",
) -> Trial:
    return Trial((cost, worth), rung, seed, split)


def played(*script: Trial | None, budget: float = 100.0, workers: int = 1) -> Outcome:
    return play(Plain(), Scripted(script), budget=budget, workers=workers)


@pytest.mark.parametrize(
    ("script", "spent"),
    [
        ([run(2.0)], 2.0),
        ([run(2.0, QUARTER)], 0.5),
        ([run(2.0, QUARTER), run(2.0)], 2.0),
        ([run(2.0, QUARTER), run(2.0, seed=1)], 2.5),
        ([run(2.0, QUARTER), run(2.0, worth=0.6)], 2.5),
        ([run(2.0), run(2.0)], 4.0),
    ],
    ids=["full", "short", "resumed", "another seed", "another configuration", "again"],
)
def test_a_run_costs_the_steps_not_taken_before(script: list[Trial], spent: float) -> None:
    assert played(*script).spent == pytest.approx(spent)


@pytest.mark.parametrize(("seed", "spent"), [(0, 2.0), (1, 4.0)])
def test_scoring_what_was_trained_is_free_and_another_seed_is_not(seed: int, spent: float) -> None:
    outcome = played(run(2.0), run(2.0, seed=seed, split="selection"))

    assert outcome.spent == pytest.approx(spent)
    assert outcome.acts == 2


@pytest.mark.parametrize(("rung", "spent"), [(FULL, 0.6), (QUARTER, 0.15)])
def test_a_failed_run_costs_three_tenths_of_itself(rung: int, spent: float) -> None:
    contestant = Scripted([run(2.0, rung, worth=-1.0)])

    outcome = play(Plain(), contestant, budget=100, workers=1)

    assert outcome.spent == outcome.makespan == pytest.approx(spent)
    assert [measured for _, measured in contestant.told] == [None]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_budget_is_passed_by_the_last_run_started_at_most(workers: int) -> None:
    outcome = played(*[run() for _ in range(10)], budget=2.5, workers=workers)

    assert outcome.spent == 3
    assert outcome.acts == 3


def test_a_budget_that_is_spent_exactly_buys_nothing_more() -> None:
    assert played(*[run() for _ in range(10)], budget=3).acts == 3


def test_what_was_started_is_told_when_the_budget_is_spent() -> None:
    contestant = Scripted([run(), run(), run()])

    play(Plain(), contestant, budget=2.5, workers=3)

    assert len(contestant.told) == 3


def test_results_come_in_the_order_in_which_runs_end() -> None:
    contestant = Scripted([run(3.0), run(1.0), run(2.0)])

    play(Plain(), contestant, budget=100, workers=3)

    assert [trial.configuration[0] for trial, _ in contestant.told] == [1, 2, 3]


def test_a_contestant_is_told_what_is_spent_and_in_flight() -> None:
    contestant = Scripted([run(3.0), run(1.0), run(1.0)])

    play(Plain(), contestant, budget=100, workers=2)

    assert contestant.asked[:3] == [(0, 0), (3, 1), (4, 1)]


def test_two_workers_share_the_runs() -> None:
    outcome = played(run(3.0), run(1.0), run(1.0), workers=2)

    assert outcome.makespan == 3
    assert outcome.idle == pytest.approx(1 / 6)


def test_waiting_leaves_a_worker_idle() -> None:
    outcome = played(run(2.0), None, run(1.0), workers=2)

    assert outcome.makespan == 3
    assert outcome.idle == pytest.approx(1 / 2)


def test_a_failed_run_frees_its_worker_early() -> None:
    outcome = played(run(1.0, worth=-1.0), run(1.0))

    assert outcome.makespan == pytest.approx(1.3)
    assert outcome.idle == pytest.approx(0)


def test_a_contestant_that_asks_for_nothing_has_no_time_and_no_recipe() -> None:
    outcome = played()

    assert (outcome.spent, outcome.makespan, outcome.idle, outcome.acts) == (0, 0, 0, 0)
    assert outcome.recipe_regret == 1


@pytest.mark.timeout(20)
def test_free_acts_without_end_are_stopped() -> None:
    contestant = Scripted(repeat(run(split="selection")))

    outcome = play(Plain(), contestant, budget=100, workers=4)

    assert outcome.spent == 1
    assert 100 < outcome.acts < 10_000


def test_free_acts_between_paid_ones_are_never_too_many() -> None:
    again = [run(seed=0, split="selection")] * 700
    script = [run(), *again, run(seed=1), *again, run(seed=2)]

    assert played(*script).spent == 3


def test_the_curve_has_the_regret_after_each_tenth_of_the_budget() -> None:
    outcome = played(run(worth=0.2), run(worth=0.6), budget=2)

    assert outcome.curve == pytest.approx([1, 1, 1, 1, 0.8, 0.8, 0.8, 0.8, 0.8, 0.4])


def test_the_curve_ends_with_what_is_delivered_however_early_the_game_ends() -> None:
    outcome = played(run(worth=0.2), run(worth=0.6), budget=100)

    assert outcome.curve == pytest.approx([0.4] * 10)
    assert outcome.recipe_regret == pytest.approx(0.4)


def test_what_is_delivered_is_judged_by_its_truth() -> None:
    outcome = played(run(worth=0.6), run(worth=0.5, seed=1))

    assert (outcome.reported, outcome.truth) == (10.5, 0.5)
    assert outcome.recipe_regret == pytest.approx(0.5)
    assert outcome.checkpoint_regret == pytest.approx(0.45)


def test_only_failures_deliver_nothing() -> None:
    outcome = played(run(worth=-1.0), run(2.0, worth=-1.0))

    assert outcome.recipe_regret == outcome.checkpoint_regret == 1
    assert outcome.reported == outcome.truth == 0


def test_a_researcher_proposes_nothing_twice() -> None:
    researcher = Researcher(Plain(), Random(0))

    drafts = [researcher.draft() for _ in range(4)]

    assert sorted(draft[1] for draft in drafts if draft) == [0, 1, 2]
    assert drafts[3] is None


def test_a_researcher_who_only_repeats_comes_up_with_nothing() -> None:
    researcher = Researcher(Plain(), Random(0))
    draft = researcher.draft()

    assert draft is not None
    assert researcher.improve(draft) is None
