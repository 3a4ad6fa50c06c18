from services.researcher.changes import Change, changes
from services.researcher.factors import new_lora, replaced, with_method, with_value
from shared.contracts.method import Dpo
from shared.contracts.operators import Matching, NearDuplicates
from shared.contracts.recipe import Recipe
from tests.unit.researcher.researcher_examples import recipe


def with_operator(made: Recipe, *operators: Matching | NearDuplicates) -> Recipe:
    load, mapping, *rest = made.data
    return replaced(made, data=(load, mapping, *operators, *rest))


def test_a_number_goes_up_or_down() -> None:
    low, high = recipe(learning_rate=0.0002), recipe(learning_rate=0.001)

    assert changes(low, high) == (Change("learning_rate", "0.0002", "0.001", "up"),)
    assert changes(high, low) == (Change("learning_rate", "0.001", "0.0002", "down"),)


def test_the_same_recipe_with_another_seed_changed_nothing() -> None:
    assert changes(recipe(), replaced(recipe(), seed=7)) == ()


def test_a_choice_goes_toward_its_new_value() -> None:
    [change] = changes(recipe(), recipe(lr_scheduler_type="linear"))

    assert (change.factor, change.before, change.toward) == (
        "lr_scheduler_type",
        "cosine",
        "linear",
    )


def test_an_operator_that_comes_or_goes_is_one_change() -> None:
    without, with_it = recipe(), with_operator(recipe(), NearDuplicates())

    assert changes(without, with_it) == (Change("near_duplicates", "off", "on", "on"),)
    assert changes(with_it, without) == (Change("near_duplicates", "on", "off", "off"),)


def test_an_operator_that_stays_is_named_with_what_changed_in_it() -> None:
    loose, strict = (
        with_operator(recipe(), NearDuplicates(threshold=least)) for least in (0.9, 0.7)
    )

    assert changes(loose, strict) == (Change("near_duplicates threshold", "0.9", "0.7", "down"),)


def test_a_second_operator_of_a_kind_is_a_change_of_its_own() -> None:
    once = with_operator(recipe(), Matching(pattern="a"))
    twice = with_operator(recipe(), Matching(pattern="a"), Matching(pattern="b"))

    assert changes(once, twice) == (Change("matching 2", "off", "on", "on"),)


def test_a_sample_is_a_share_of_all_rows() -> None:
    whole, half = recipe(), recipe(sample=0.5)

    assert changes(whole, half) == (Change("sample", "1", "0.5", "down"),)
    assert changes(half, recipe(sample=0.25)) == (Change("sample", "0.5", "0.25", "down"),)


def test_what_goes_with_another_adapter_is_no_change_of_its_own() -> None:
    full = with_value(recipe(adapter="full"), "learning_rate", 1e-5)

    assert changes(recipe(), full) == (Change("adapter", "lora", "full", "full"),)


def test_what_goes_with_another_method_is_no_change_of_its_own() -> None:
    settings = recipe().method.model_dump(exclude={"kind", "loss_type"})
    preferring = replaced(recipe(), method=Dpo(**settings | {"learning_rate": 5e-6}))

    assert changes(recipe(), preferring) == (Change("method", "sft", "dpo", "dpo"),)


def test_a_rank_that_keeps_its_scale_is_one_change() -> None:
    small = recipe()
    large = replaced(small, adapter=new_lora(64))
    scaled = replaced(small, adapter=small.adapter.model_copy(update={"lora_alpha": 64}))

    assert changes(small, large) == (Change("r", "16", "64", "up"),)
    assert changes(small, scaled) == (Change("lora_alpha", "32", "64", "up"),)


def test_going_on_from_the_parents_weights_is_a_change() -> None:
    going_on = replaced(recipe(), continues="a" * 64)

    assert changes(recipe(), going_on) == (Change("continues", "off", "on", "on"),)
    assert changes(going_on, replaced(recipe(), continues="b" * 64)) == ()


def test_several_changes_stand_in_the_order_of_the_recipe() -> None:
    both = with_method(recipe(deduplicate="prompt"), learning_rate=0.001, num_train_epochs=9.0)

    assert [change.factor for change in changes(recipe(), both)] == [
        "learning_rate",
        "num_train_epochs",
        "deduplicate",
    ]
