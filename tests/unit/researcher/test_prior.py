import math

import pytest

from services.researcher.factors import OFF, value_of, with_value
from services.researcher.prior import default_recipe, factors, learning_rate, parameters
from shared.contracts.operators import HoldOut
from tests.unit.researcher.researcher_examples import BRIEF, CONTEXT, brief, context


def test_usual_models_get_the_usual_learning_rates() -> None:
    assert learning_rate("lora", 1.5e9) == 2e-4
    assert learning_rate("full", 1.5e9) == 1.5e-5


def test_nano_models_get_learning_rates_of_thousandths() -> None:
    assert learning_rate("lora", 2e6) == 5e-3
    assert learning_rate("full", 2e6) == 2e-3


def test_larger_models_get_smaller_learning_rates() -> None:
    rates = [learning_rate("full", size) for size in (1e6, 1e7, 1e8, 1e9, 1e10)]

    assert rates == sorted(rates, reverse=True)
    assert learning_rate("full", 10) == learning_rate("full", 1e6)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 5e8),
        ("HuggingFaceTB/SmolLM2-135M", 1.35e8),
        ("org/model-7b", 7e9),
        ("org/best-model", 1.5e9),
    ],
)
def test_the_size_is_read_from_the_name_when_the_weights_are_away(name: str, size: float) -> None:
    assert parameters(brief(base_parameters=None), name) == pytest.approx(size)


def test_every_default_can_be_chosen() -> None:
    for factor in factors(BRIEF, CONTEXT).values():
        if factor.scale == "log":
            assert float(factor.values[0]) <= float(factor.default) <= float(factor.values[1])
        else:
            assert factor.default in factor.values


@pytest.mark.parametrize("rows", [1, 7, 20, 64, 129, 900, 4000, 1_000_000])
def test_a_batch_is_never_more_than_an_eighth_of_the_rows(rows: int) -> None:
    table = factors(brief(rows=rows), CONTEXT)
    default = value_of(default_recipe(brief(rows=rows), CONTEXT), "batch_size")

    sizes = table["batch_size"].values if "batch_size" in table else (default,)
    assert all(float(size or 0) <= max(1, rows // 8) for size in sizes)
    assert default in sizes


def test_data_without_duplicates_is_not_deduplicated() -> None:
    assert "deduplicate" in factors(brief(duplicate_share=0.1), CONTEXT)
    assert "deduplicate" not in factors(brief(duplicate_share=0.0), CONTEXT)


def test_a_model_too_large_for_full_tuning_is_only_adapted() -> None:
    assert "adapter" not in factors(brief(base_parameters=int(8e9)), CONTEXT)


def test_the_first_recipe_loads_maps_and_holds_out_what_the_job_names() -> None:
    recipe = default_recipe(BRIEF, context(seed=5))

    load, mapping, hold_out = recipe.data
    assert (load.kind, mapping.kind) == ("load", "map")
    assert isinstance(hold_out, HoldOut)
    assert hold_out.max_samples == 256
    assert (recipe.seed, recipe.method.max_length) == (5, CONTEXT.limits.max_length)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_every_factor_reads_back_what_was_written(adapter: str) -> None:
    start = with_value(default_recipe(BRIEF, CONTEXT), "adapter", adapter)

    for factor in factors(BRIEF, CONTEXT).values():
        if value_of(start, factor.name) is not None:
            for value in factor.values:
                assert value_of(with_value(start, factor.name, value), factor.name) == value


def test_operators_come_and_go_without_disturbing_the_others() -> None:
    start = default_recipe(BRIEF, CONTEXT)

    made = with_value(with_value(start, "sample", 0.5), "filter", "200/12")
    made = with_value(made, "deduplicate", "prompt")
    kinds = [operator.kind for operator in made.data]
    back = with_value(with_value(made, "sample", 1.0), "filter", OFF)

    assert kinds == ["load", "map", "filter", "deduplicate", "sample", "hold_out"]
    assert with_value(back, "deduplicate", OFF) == start


def test_a_rank_keeps_the_scale_of_its_adapter() -> None:
    made = with_value(default_recipe(BRIEF, CONTEXT), "r", 64)

    assert math.isclose(made.adapter.lora_alpha / made.adapter.r, 2.0)  # type: ignore[union-attr]
