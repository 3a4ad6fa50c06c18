import pytest

from services.researcher.evidence import said_of, steps, support
from services.researcher.factors import replaced, with_value
from services.researcher.prior import factors
from shared.contracts.method import Dpo
from tests.unit.researcher.researcher_examples import BRIEF, CONTEXT, finding, lesson, recipe

FACTORS = factors(BRIEF, CONTEXT)
RATE = FACTORS["learning_rate"]

START = finding(1, recipe(learning_rate=2e-4))
BETTER = finding(2, recipe(learning_rate=4e-4), 0.6, parent=1, taught=lesson("better", effect=0.1))
TAKEN = steps([START, BETTER], FACTORS.values())


def test_a_step_is_one_factor_in_which_a_child_differs_from_its_parent() -> None:
    (step,) = TAKEN

    assert (step.factor, step.toward, step.before, step.after) == (
        "learning_rate",
        "up",
        2e-4,
        4e-4,
    )
    assert said_of(step) == "#2 took learning_rate up and gained 0.100"


def test_a_draft_takes_no_step() -> None:
    assert steps([START], FACTORS.values()) == ()


def test_factors_changed_together_share_the_credit() -> None:
    both = finding(
        2, recipe(learning_rate=4e-4, r=32), 0.6, parent=1, taught=lesson("better", effect=0.1)
    )

    credits = {step.factor: step.credit for step in steps([START, both], FACTORS.values())}

    assert credits == {"learning_rate": 0.5, "r": 0.5}


def test_what_helped_speaks_for_its_direction_and_against_the_other() -> None:
    assert support(RATE, "up", BETTER, TAKEN) > 0 > support(RATE, "down", BETTER, TAKEN)


def test_a_step_elsewhere_counts_less_than_one_that_ended_here() -> None:
    elsewhere = finding(3, BETTER.recipe)

    assert 0 < support(RATE, "up", elsewhere, TAKEN) < support(RATE, "up", BETTER, TAKEN)


def test_a_step_far_away_counts_less_than_one_near_by() -> None:
    near, far = finding(3, recipe(learning_rate=4e-4)), finding(4, recipe(learning_rate=1e-2))

    assert 0 < support(RATE, "up", far, TAKEN) < support(RATE, "up", near, TAKEN)


def test_a_step_without_clear_effect_says_nothing_of_the_other_direction() -> None:
    same = finding(2, BETTER.recipe, parent=1, taught=lesson("same"))
    taken = steps([START, same], FACTORS.values())

    assert support(RATE, "up", same, taken) < 0
    assert support(RATE, "down", same, taken) == 0


@pytest.mark.parametrize("verdict", ["same", "worse", "better"])
def test_the_jump_of_the_rate_to_another_method_speaks_for_no_way(verdict: str) -> None:
    kept = {"num_train_epochs", "per_device_train_batch_size", "max_length"}
    method = Dpo(learning_rate=1e-5, **START.recipe.method.model_dump(include=kept))
    preferred = replaced(START.recipe, method=method)
    child = finding(2, with_value(preferred, "r", 32), parent=1, taught=lesson(verdict))
    taken = steps([START, child], FACTORS.values())

    assert [support(RATE, way, child, taken) for way in ("up", "down")] == [0, 0]
    assert "r" in {step.factor for step in taken}
