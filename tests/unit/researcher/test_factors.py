import pytest

from services.researcher.costs import fitted, predicted_s
from services.researcher.drafts import draft
from services.researcher.evidence import learning_rate_ceiling
from services.researcher.factors import replaced, with_method, with_value
from services.researcher.grounding import grounded
from services.researcher.rules import RuleResearcher
from shared.contracts.base import digest
from shared.contracts.method import Grpo, Kto, Lora
from shared.contracts.recipe import Recipe
from tests.unit.researcher.researcher_examples import (
    DIVERGED,
    brief,
    finding,
    recipe,
    request,
    trained,
)

SHARED = dict(recipe().method.model_dump(exclude={"kind", "loss_type"}))
REWARDED = Grpo(**SHARED | {"learning_rate": 1e-5}, reward="exact_match", max_completion_length=64)


def rewarded(**values: float | str) -> Recipe:
    made = replaced(recipe(), method=REWARDED)
    for name, value in values.items():
        made = with_value(made, name, value)
    return made


def test_an_adapter_keeps_its_rank_when_the_base_model_is_held_in_4_bits() -> None:
    made = with_value(recipe(r=32), "adapter", "qlora")

    assert made.adapter.model_dump() == recipe(r=32).adapter.model_dump() | {"kind": "qlora"}


def test_a_rank_stabilised_adapter_keeps_its_alpha_when_its_rank_changes() -> None:
    stable = replaced(recipe(), adapter=Lora(r=16, lora_alpha=32, use_rslora=True))

    made = with_value(stable, "r", 64).adapter

    assert made == Lora(r=64, lora_alpha=32, use_rslora=True)


def test_rules_improve_on_a_recipe_with_a_quantised_base_model() -> None:
    parent = finding(1, recipe(adapter="qlora"))

    made = RuleResearcher().propose(request([parent], parent=1)).proposals[0].recipe

    assert made != parent.recipe


def test_a_rate_that_broke_down_bounds_those_of_the_same_method_alone() -> None:
    broken = finding(1, rewarded(learning_rate=1e-5), value=None, outcome=DIVERGED)

    assert learning_rate_ceiling([broken], rewarded()) == 5e-6
    assert learning_rate_ceiling([broken], recipe()) == float("inf")


def test_drafts_do_not_look_around_the_rate_of_another_method() -> None:
    alone = draft(request(), 4).recipe.method.learning_rate
    beside = draft(request([finding(1, rewarded(), value=0.9)]), 4).recipe.method.learning_rate

    assert beside == alone


def test_seconds_of_one_method_are_not_predicted_from_another() -> None:
    asked = request([finding(1, recipe(), outcome=trained())])

    assert predicted_s(rewarded(), asked) is None


def test_answers_to_one_prompt_cost_as_many_samples() -> None:
    # 100 steps of 16 answers in 160 s: 0.1 s an answer, 8 answers to each of 4000 prompts
    slow = trained(steps=100, gpu_seconds=160.0)
    asked = request([finding(1, rewarded(batch_size=16), outcome=slow)])

    assert predicted_s(rewarded(num_train_epochs=1), asked) == pytest.approx(0.1 * 8 * 4000)


def test_groups_of_answers_are_not_split_to_save_memory() -> None:
    long = request(brief=brief(prompt_chars_p95=100_000))  # room for 4 rows of 2048 tokens

    method = fitted(with_method(rewarded(batch_size=32), max_length=2048), long).method

    assert (method.per_device_train_batch_size, method.gradient_accumulation_steps) == (8, 4)


def test_judged_answers_stay_beside_another_whatever_memory_there_is() -> None:
    judged = replaced(recipe(), method=Kto(**SHARED | {"max_length": 9000}))

    method = fitted(judged, request(brief=brief(prompt_chars_p95=100_000))).method

    assert method.per_device_train_batch_size == 2


def test_a_recipe_goes_on_only_from_weights_that_are_kept() -> None:
    first = finding(1, recipe())
    onward = replaced(recipe(num_train_epochs=1), continues=digest(first.recipe))
    gone = first.model_copy(update={"kept": False})

    assert grounded(onward, request([first])).continues == digest(first.recipe)
    assert grounded(onward, request([gone])).continues is None
    assert grounded(with_value(onward, "r", 32), request([first])).continues is None
