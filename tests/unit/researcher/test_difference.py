from services.researcher.difference import differences, facts, near_same
from services.researcher.factors import replaced, with_method, with_value
from shared.contracts.method import Dpo
from shared.contracts.operators import Matching, Sample
from tests.unit.researcher.researcher_examples import recipe


def test_a_changed_number_is_shown_with_what_it_was() -> None:
    before, after = recipe(learning_rate=0.0002), recipe(learning_rate=0.001)

    assert differences(before, after) == ("learning_rate 0.0002 → 0.001",)


def test_a_batch_split_into_passes_is_shown_as_one_number() -> None:
    before, after = recipe(batch_size=16), recipe(batch_size=32)
    after = with_method(after, per_device_train_batch_size=8, gradient_accumulation_steps=4)

    assert differences(before, after) == ("batch_size 16 → 32",)


def test_a_data_operator_that_comes_or_goes_is_shown() -> None:
    without, with_it = recipe(), recipe(deduplicate="prompt")

    assert differences(without, with_it) == ("deduplicate by prompt",)
    assert differences(with_it, without) == ("deduplicate by → off",)
    assert differences(without, recipe(sample=0.5)) == ("sample share 0.5",)


def test_operators_of_one_kind_do_not_hide_each_other() -> None:
    load, mapping, *rest = recipe().data
    once, twice = (
        replaced(recipe(), data=(load, mapping, *patterns, *rest))
        for patterns in ([Matching(pattern="b")], [Matching(pattern="a"), Matching(pattern="b")])
    )

    assert not near_same(facts(once), facts(twice))
    assert "matching 2 pattern b" in differences(once, twice)


def test_another_adapter_is_one_change_and_its_rank() -> None:
    lora, full = recipe(), recipe(adapter="full")

    assert differences(lora, full) == ("adapter lora → full",)
    assert differences(full, lora) == ("adapter full → lora", "r 16")


def test_against_the_base_model_a_recipe_is_characterised() -> None:
    said = differences(None, recipe())

    assert said[:3] == ("adapter lora", "r 16", "learning_rate 0.0002")


def test_recipes_within_five_percent_are_near_the_same() -> None:
    one = facts(recipe(learning_rate=0.0002))

    assert near_same(one, facts(recipe(learning_rate=0.000208)))
    assert not near_same(one, facts(recipe(learning_rate=0.00022)))


def test_another_category_is_never_near_the_same() -> None:
    one = facts(recipe())

    assert not near_same(one, facts(recipe(lr_scheduler_type="linear")))
    assert not near_same(one, facts(recipe(deduplicate="prompt")))
    assert not near_same(one, facts(replaced(recipe(), base_model="other")))


def test_another_method_or_another_beginning_is_never_near_the_same() -> None:
    sft = recipe()
    dpo = Dpo(**sft.method.model_dump(exclude={"kind", "loss_type"}))

    assert not near_same(facts(sft), facts(sft.model_copy(update={"method": dpo})))
    assert not near_same(facts(sft), facts(sft.model_copy(update={"continues": "a" * 64})))


def test_a_sample_drawn_at_random_needs_no_word_for_it() -> None:
    before, by_chance = recipe(), with_value(recipe(), "sample", 0.5)
    *others, _ = by_chance.data
    by_label = replaced(by_chance, data=(*others[:2], Sample(share=0.5, by="label"), *others[3:]))

    assert differences(before, by_chance) == ("sample share 0.5",)
    assert "sample by label" in differences(by_chance, by_label)
