import ast

from services.executor.exports.trl import exported
from shared.contracts.operators import Curriculum
from tests.support.examples import recipe

ONLY = {"torch", "datasets", "peft", "transformers", "trl"}


def values(script: str) -> dict[str, object]:
    """Return the constants that a script begins with."""
    found: dict[str, object] = {}
    for statement in ast.parse(script).body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Constant() | ast.Dict() as value
            ):
                found[name] = ast.literal_eval(value)
    return found


def imported(script: str) -> set[str]:
    modules = set()
    for statement in ast.walk(ast.parse(script)):
        match statement:
            case ast.Import(names=names):
                modules |= {name.name for name in names}
            case ast.ImportFrom(module=str(module)):
                modules.add(module)
    return {module.partition(".")[0] for module in modules}


def test_the_script_needs_nothing_of_open_trex() -> None:
    script = exported(recipe(), held_out=True).files["train.py"]

    assert imported(script) == ONLY


def test_every_setting_of_the_recipe_stands_in_the_script() -> None:
    wanted = recipe(3e-4)

    found = values(exported(wanted, held_out=True).files["train.py"])

    assert found["BASE_MODEL"] == wanted.base_model
    assert found["SEED"] == wanted.seed
    assert found["METHOD"] == wanted.method.model_dump(exclude={"kind"})
    assert found["ADAPTER"] == {
        "target_modules": "all-linear",
        "task_type": "CAUSAL_LM",
        **wanted.adapter.model_dump(exclude={"kind"}),
    }


def test_the_script_knows_of_a_curriculum() -> None:
    wanted = recipe()
    data = (*wanted.data[:-1], Curriculum(), wanted.data[-1])
    ordered = wanted.model_copy(update={"data": data})

    found = [values(exported(one, held_out=True).files["train.py"]) for one in (wanted, ordered)]

    assert [one["IN_ORDER"] for one in found] == [False, True]


def test_full_tuning_has_no_adapter_and_no_held_out_rows_are_asked_for_where_there_are_none() -> (
    None
):
    found = values(exported(recipe(lora=False), held_out=False).files["train.py"])

    assert found["ADAPTER"] is None
    assert found["FILES"] == {"train": "train.jsonl"}


def test_a_base_models_name_cannot_become_code() -> None:
    sly = recipe().model_copy(update={"base_model": 'a"; import os #\n$seed'})

    found = values(exported(sly, held_out=False).files["train.py"])

    assert found["BASE_MODEL"] == sly.base_model
