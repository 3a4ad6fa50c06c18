import pytest
from pydantic import ValidationError

from shared.contracts.mapping import Templates
from shared.contracts.operators import (
    Balance,
    Curriculum,
    Decontaminate,
    Extract,
    HoldOut,
    Load,
    Map,
    Mix,
    Operator,
    Source,
    Where,
)
from shared.contracts.recipe import Recipe
from shared.contracts.teaching import Distil, Generate, Rewrite, Score
from tests.support.examples import recipe

LOAD = Load(path="train.jsonl", sha256="0" * 64)
WHERE = Where(column="level", values=("easy",))
EXTRACT = Extract(column="text", pattern="(?P<q>.+)")
MAP = Map(mapping=Templates(prompt="{q}", completion="{a}"))
HOLD_OUT = HoldOut(share=0.1, max_samples=9)
CLEAN = Decontaminate(path="sealed.json", sha256="0" * 64)
DISTIL = Distil(model="large", max_tokens=9, budget_tokens=99)
REWRITE = Rewrite(model="large", max_tokens=9, budget_tokens=99, of="prompt", instruction="Anew.")
GENERATE = Generate(model="large", max_tokens=9, budget_tokens=99, samples=5)
SCORE = Score(model="large", max_tokens=9, budget_tokens=99, criteria="It is right.")


def with_data(*operators: Operator) -> Recipe:
    return Recipe(**(dict(recipe()) | {"data": operators}))


def test_rows_are_chosen_and_taken_apart_between_load_and_map() -> None:
    data = (LOAD, EXTRACT, WHERE, EXTRACT, MAP, Balance(max_share=0.5), HOLD_OUT)

    assert with_data(*data).data == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((), "must begin with load, map"),
        ((LOAD,), "must begin with load, map"),
        ((WHERE, LOAD, MAP), "must begin with load, map"),
        ((LOAD, LOAD, MAP), "must begin with load, map"),
        ((LOAD, MAP, MAP), "must begin with load, map"),
        ((LOAD, MAP, WHERE), "must stand between load and map"),
        ((LOAD, MAP, HOLD_OUT, Balance(max_share=0.5)), "hold_out must be the last"),
        ((LOAD, MAP, Curriculum(), Balance(max_share=0.5)), "curriculum must come last, before"),
        ((LOAD, MAP, Curriculum(), Curriculum(), HOLD_OUT), "curriculum must come last, before"),
        ((LOAD, MAP, HOLD_OUT, Curriculum()), "hold_out must be the last"),
    ],
)
def test_operators_in_another_order_are_refused(data: tuple[Operator, ...], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        with_data(*data)


def test_what_is_mixed_in_is_made_like_a_recipes_data_but_holds_nothing_out() -> None:
    assert Source(data=(LOAD, WHERE, MAP)).weight == 1

    with pytest.raises(ValidationError, match="must begin with load, map"):
        Source(data=(MAP, LOAD))
    for last in (HOLD_OUT, Curriculum()):
        with pytest.raises(ValidationError, match="curriculum and hold_out must follow mix"):
            Source(data=(LOAD, MAP, last))


def test_a_recipe_with_a_curriculum_keeps_its_order() -> None:
    assert with_data(LOAD, MAP, Curriculum(), HOLD_OUT).keeps_order
    assert not with_data(LOAD, MAP, HOLD_OUT).keeps_order


def test_a_mix_survives_the_wire() -> None:
    mixed = with_data(LOAD, MAP, Mix(sources=(Source(data=(LOAD, MAP), weight=0.5),)))

    assert Recipe.model_validate_json(mixed.model_dump_json()) == mixed


@pytest.mark.parametrize("teaching", [DISTIL, REWRITE, GENERATE])
def test_what_a_teacher_writes_is_cleaned_of_sealed_text_if_anything_is(
    teaching: Distil | Rewrite | Generate,
) -> None:
    mixed = Mix(sources=(Source(data=(LOAD, MAP, teaching)),))

    uncleaned: tuple[tuple[Operator, ...], ...] = (
        (CLEAN, teaching),
        (CLEAN, mixed),
        (teaching, CLEAN, teaching),
    )
    for data in uncleaned:
        with pytest.raises(ValidationError, match="decontaminate must stand after every"):
            with_data(LOAD, MAP, *data)
    for data in ((teaching, CLEAN), (mixed, CLEAN), (CLEAN, teaching, CLEAN), (teaching,)):
        assert with_data(LOAD, MAP, *data)


def test_what_is_mixed_in_may_be_cleaned_by_itself() -> None:
    clean = Mix(sources=(Source(data=(LOAD, MAP, DISTIL, CLEAN)),))
    half = Mix(sources=(Source(data=(LOAD, MAP, CLEAN)),))

    assert with_data(LOAD, MAP, CLEAN, clean)
    with pytest.raises(ValidationError, match="decontaminate must stand after every"):
        with_data(LOAD, MAP, half, DISTIL)


def test_a_score_is_no_text_and_may_be_given_last() -> None:
    assert with_data(LOAD, MAP, CLEAN, SCORE)


def test_operators_that_ask_a_teacher_survive_the_wire() -> None:
    taught = with_data(LOAD, MAP, DISTIL, REWRITE, GENERATE, SCORE)

    assert Recipe.model_validate_json(taught.model_dump_json()) == taught


@pytest.mark.parametrize("secret", ["url", "key"])
def test_a_recipe_has_no_place_for_where_a_teacher_is_or_what_opens_it(secret: str) -> None:
    with pytest.raises(ValidationError, match=secret):
        Distil.model_validate(dict(DISTIL) | {secret: "http://x"})
