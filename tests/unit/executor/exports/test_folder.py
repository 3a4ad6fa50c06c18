import json
from pathlib import Path
from typing import Any

import pytest

from services.executor.exports.folder import TOOLS, Tool, export
from services.executor.exports.samples import as_messages, as_prompt_and_completion
from shared.contracts.mapping import Templates
from shared.contracts.method import Dpo, Qlora
from shared.contracts.operators import HoldOut, Load, Map
from shared.contracts.recipe import Recipe
from shared.errors import DataFailed, Rejected
from shared.rows import Sample, sha256_of
from shared.turns import Turn
from tests.support.examples import recipe as example
from tests.support.nano import write_rows


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    rows = write_rows(tmp_path / "rows.jsonl", rows=20)
    data = (
        Load(path=str(rows), sha256=sha256_of(rows)),
        Map(mapping=Templates(prompt="{text}", completion="{answer}", system="Be brief.")),
        HoldOut(share=0.2, max_samples=4),
    )
    return example().model_copy(update={"data": data})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_samples_left_by_all_operators_are_written_and_the_held_out_ones_apart(
    recipe: Recipe, tool: Tool, tmp_path: Path
) -> None:
    export(recipe, tool, tmp_path / "out", tmp_path / "cache")

    train, held_out = (lines(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "held_out"))
    assert (len(train), len(held_out)) == (16, 4)
    assert [row for row in train if row in held_out] == []


def test_nothing_is_left_where_the_data_cannot_be_prepared(recipe: Recipe, tmp_path: Path) -> None:
    load = recipe.data[0].model_copy(update={"sha256": "0" * 64})
    changed = recipe.model_copy(update={"data": (load, *recipe.data[1:])})

    with pytest.raises(DataFailed):
        export(changed, "trl", tmp_path / "out" / "here", tmp_path / "cache")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"adapter": Qlora(r=8, lora_alpha=16)}, "sft with qlora"),
        (
            {"method": Dpo(**example().method.model_dump(exclude={"kind", "loss_type"}))},
            "dpo with lora",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    recipe: Recipe, tool: Tool, changed: dict[str, Any], found: str, tmp_path: Path
) -> None:
    with pytest.raises(Rejected, match=f"found {found}; no other"):
        export(recipe.model_copy(update=changed), tool, tmp_path / "out", tmp_path / "cache")

    assert not (tmp_path / "out").exists()


def test_what_was_said_before_stands_before_the_answer() -> None:
    said = (Turn("user", "hello"), Turn("assistant", "hi"))
    sample = Sample("red", "brown", "Be brief.", said)
    before = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "red"},
    ]
    answer = [{"role": "assistant", "content": "brown"}]

    assert as_messages(sample) == {"messages": before + answer}
    assert as_prompt_and_completion(sample) == {"prompt": before, "completion": answer}
