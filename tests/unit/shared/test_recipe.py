import pytest
from pydantic import ValidationError

from shared.contracts.mapping import Templates
from shared.contracts.operators import (
    Balance,
    Curriculum,
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
from tests.support.examples import recipe

LOAD = Load(path="train.jsonl", sha256="0" * 64)
WHERE = Where(column="level", values=("easy",))
EXTRACT = Extract(column="text", pattern="(?P<q>.+)")
MAP = Map(mapping=Templates(prompt="{q}", completion="{a}"))
HOLD_OUT = HoldOut(share=0.1, max_samples=9)


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
