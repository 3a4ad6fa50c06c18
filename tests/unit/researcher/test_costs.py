import pytest

from services.researcher.costs import fitted, predicted_s
from services.researcher.factors import value_of
from shared.contracts.job import Limits
from shared.contracts.run import Failed
from shared.contracts.teaching import Generate
from tests.unit.researcher.researcher_examples import (
    BRIEF,
    brief,
    context,
    finding,
    recipe,
    request,
    trained,
)

HOUR = context(limits=Limits(run_s=3600.0))


def test_nothing_is_predicted_before_the_first_run() -> None:
    assert predicted_s(recipe(), request()) is None


def test_seconds_are_predicted_from_the_samples_a_run_saw() -> None:
    slow = trained(steps=100, gpu_seconds=160.0)  # 100 steps of 16 samples: 0.1 s each
    asked = request([finding(1, recipe(batch_size=16), outcome=slow)])

    assert predicted_s(recipe(num_train_epochs=3), asked) == pytest.approx(0.1 * 4000 * 3)


def test_each_kind_of_adapter_is_judged_by_its_own_runs() -> None:
    cheap, dear = trained(steps=100, gpu_seconds=16.0), trained(steps=100, gpu_seconds=160.0)
    asked = request(
        [finding(1, recipe(), outcome=cheap), finding(2, recipe(adapter="full"), outcome=dear)]
    )

    lora, full = (predicted_s(recipe(adapter=kind), asked) for kind in ("lora", "full"))

    assert (lora, full) == pytest.approx((0.01 * 4000 * 2, 0.1 * 4000 * 2))


def test_fewer_rows_cost_less() -> None:
    asked = request([finding(1, recipe(), outcome=trained())])

    whole, half = (predicted_s(recipe(sample=share), asked) for share in (1.0, 0.5))

    assert whole is not None
    assert half == pytest.approx(whole / 2)


def test_made_up_samples_cost_as_others_do() -> None:
    asked = request([finding(1, recipe(), outcome=trained())])
    more = Generate(model="large", max_tokens=9, budget_tokens=99, samples=4000)

    taught = recipe().model_copy(update={"data": (*recipe().data, more)})

    whole, twice = (predicted_s(one, asked) for one in (recipe(), taught))
    assert whole is not None
    assert twice == pytest.approx(2 * whole)


def test_epochs_are_cut_to_what_the_time_limit_pays_for() -> None:
    slow = trained(steps=100, gpu_seconds=1600.0)
    asked = request([finding(1, recipe(batch_size=16), outcome=slow)], context=HOUR)

    cut = fitted(recipe(num_train_epochs=16), asked)

    seconds = predicted_s(cut, asked)
    assert seconds is not None
    assert 0.7 * 3600 < seconds <= 0.9 * 3600


def test_an_affordable_recipe_is_left_alone() -> None:
    asked = request([finding(1, recipe(), outcome=trained())])

    assert fitted(recipe(num_train_epochs=4), asked) == recipe(num_train_epochs=4)


def test_long_rows_are_split_into_passes_of_the_same_batch() -> None:
    asked = request(brief=brief(prompt_chars_p95=5000))

    split = fitted(recipe(batch_size=64), asked).method

    assert split.per_device_train_batch_size == 16
    assert split.gradient_accumulation_steps == 4


def test_running_out_of_memory_halves_the_rows_of_a_pass() -> None:
    failed = Failed(error="TrainingFailed", detail="wanted memory for batches of 16")
    asked = request([finding(1, recipe(batch_size=16), value=None, outcome=failed)])

    again = fitted(recipe(batch_size=16), asked)

    assert again.method.per_device_train_batch_size == 8
    assert value_of(again, "batch_size") == 16
    assert asked.brief == BRIEF
