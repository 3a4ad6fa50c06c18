"""What a run should cost, learned from those before it."""

import pytest

from services.planner.costs import in_mean_runs, learn_costs, work
from shared.contracts.operators import Augment
from shared.contracts.recipe import Recipe
from shared.contracts.teaching import Generate
from shared.contracts.variation import Options
from tests.support.examples import BRIEF, recipe


def with_epochs(epochs: float, *, lora: bool = True) -> Recipe:
    base = recipe(lora=lora)
    return base.model_copy(
        update={"method": base.method.model_copy(update={"num_train_epochs": epochs})}
    )


def test_work_counts_the_rows_that_the_operators_leave_once_for_each_epoch() -> None:
    tokens = min(64, BRIEF.prompt_chars_p95 + BRIEF.completion_chars_p95 + 1)

    assert work(with_epochs(2), BRIEF) == pytest.approx(1500 * 0.5 * 2 * tokens)


def test_made_up_samples_are_work_like_others() -> None:
    base = with_epochs(2)
    more = Generate(model="large", max_tokens=9, budget_tokens=99, samples=750)

    taught = base.model_copy(update={"data": (*base.data, more)})

    assert work(taught, BRIEF) == pytest.approx(2 * work(base, BRIEF))


def test_variants_that_are_added_count_as_rows() -> None:
    base = recipe()
    augment = Augment(rule=Options(), copies=3)

    more = base.model_copy(update={"data": (*base.data[:-1], augment, base.data[-1])})

    assert work(more, BRIEF) == pytest.approx(4 * work(base, BRIEF))


def test_before_any_run_nothing_is_foreseen() -> None:
    assert learn_costs([], BRIEF) is None


def test_after_one_run_seconds_are_taken_to_grow_as_the_work_does() -> None:
    costs = learn_costs([(with_epochs(2), 10.0)], BRIEF)

    assert costs is not None
    assert costs.seconds(with_epochs(2), BRIEF) == pytest.approx(10.0)
    assert costs.seconds(with_epochs(6), BRIEF) == pytest.approx(30.0)


def test_what_was_measured_corrects_the_first_guess() -> None:
    """Runs that take 20 s however long they train: starting costs it all."""
    measured = [(with_epochs(epochs), 20.0) for epochs in (1, 2, 4, 8, 16, 32) for _ in range(5)]

    costs = learn_costs(measured, BRIEF)

    assert costs is not None
    assert costs.seconds(with_epochs(32), BRIEF) < 1.5 * costs.seconds(with_epochs(1), BRIEF)


def test_full_tuning_is_learned_to_be_dearer() -> None:
    measured = [
        (with_epochs(e, lora=lora), e * (1.0 if lora else 3.0))
        for e in (1, 2, 4)
        for lora in (True, False)
    ]

    costs = learn_costs(measured, BRIEF)

    assert costs is not None
    ratio = costs.seconds(with_epochs(2, lora=False), BRIEF) / costs.seconds(with_epochs(2), BRIEF)
    assert ratio == pytest.approx(3.0, rel=0.35)


def test_costs_are_told_in_mean_runs() -> None:
    costs = learn_costs([(with_epochs(2), 10.0)], BRIEF)

    assert costs is not None
    assert in_mean_runs(costs, [with_epochs(1), with_epochs(4)], BRIEF) == pytest.approx([0.5, 2.0])
