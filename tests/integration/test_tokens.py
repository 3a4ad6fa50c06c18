"""Samples as token ids: what the loss sees of them, and that they are made once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.executor.chat_tokens import tokenise
from services.executor.operators.judging import Tally
from services.executor.operators.tokens import within_tokens
from services.executor.pipeline import Materialised
from services.executor.sample_files import write_samples
from services.executor.trainers import dpo, sft
from services.executor.trainers.material import Material, material_of
from services.executor.trainers.models import load_tokenizer
from services.executor.trainers.tokens import Columns
from shared.contracts.operators import Tokens
from shared.contracts.recipe import Recipe
from shared.rows import Sample
from shared.turns import Turn


@pytest.fixture(scope="session")
def tokenizer(nano_base: Path) -> Any:
    return load_tokenizer(str(nano_base))


@pytest.fixture
def data(tmp_path: Path) -> Materialised:
    train = tmp_path / "train.parquet"
    samples = [Sample(f"red {number}", "blue") for number in range(40)]
    write_samples(train, tmp_path / "lineage.parquet", samples)
    return Materialised(train=train, held_out=None, rows=())


class Counted:
    """Tokenises as `sft.columns` does and counts how many samples it was given."""

    def __init__(self) -> None:
        self.samples = 0

    def __call__(self, samples: Sequence[Sample], tokenizer: Any, max_length: int) -> Columns:
        self.samples += len(samples)
        return sft.columns(samples, tokenizer, max_length)


def material(
    recipe: Recipe, data: Materialised, tokenizer: Any, columns: Counted, share: float = 1.0
) -> Material:
    return material_of(recipe, data, tokenizer, columns, data_share=share)


def longer(recipe: Recipe, max_length: int) -> Recipe:
    method = recipe.method.model_copy(update={"max_length": max_length})
    return recipe.model_copy(update={"method": method})


def test_samples_are_tokenised_once_for_all_recipes_that_share_them(
    recipe: Recipe, data: Materialised, tokenizer: Any
) -> None:
    columns = Counted()
    first = material(recipe, data, tokenizer, columns)
    slower = recipe.method.model_copy(update={"learning_rate": 1e-4})

    again = material(recipe.model_copy(update={"method": slower}), data, tokenizer, columns)

    assert columns.samples == 40
    assert again.train["input_ids"][:] == first.train["input_ids"][:]
    assert not list(data.train.parent.glob(".*"))  # nothing half-written


@pytest.mark.parametrize("changed", ["length", "template"])
def test_what_changes_the_tokens_has_them_made_anew(
    recipe: Recipe, data: Materialised, nano_base: Path, changed: str
) -> None:
    columns = Counted()
    material(recipe, data, load_tokenizer(str(nano_base)), columns)
    other = load_tokenizer(str(nano_base))
    if changed == "template":
        other.chat_template = "Be brief. " + other.chat_template

    found = material(longer(recipe, 20 if changed == "length" else 64), data, other, columns)

    assert columns.samples == 80
    assert max(found.train["tokens"]) <= 64


def test_a_smaller_share_is_part_of_a_larger_one(
    recipe: Recipe, data: Materialised, tokenizer: Any
) -> None:
    def shown(share: float) -> set[tuple[int, ...]]:
        rows = material(recipe, data, tokenizer, Counted(), share).train["input_ids"]
        return {tuple(ids) for ids in rows}

    assert shown(0.2) < shown(0.5) < shown(1.0)
    assert len(shown(1.0)) == 40


def test_the_loss_counts_the_last_answer_and_its_end_alone(tokenizer: Any) -> None:
    history = (Turn("user", "red"), Turn("assistant", "green"))

    (one,) = tokenise([Sample("and blue", "white", history=history)], tokenizer, 64)

    assert "green" in tokenizer.decode(one.prompt)
    assert tokenizer.decode(one.completion).startswith("white")
    assert one.completion.count(tokenizer.eos_token_id) == 1
    assert one.ends


@pytest.mark.parametrize("max_length", [20, 25, 30])
def test_what_is_kept_by_its_tokens_is_what_training_leaves_whole(
    tokenizer: Any, nano_base: Path, max_length: int
) -> None:
    turns = (Turn("user", "red"), Turn("assistant", "green"))
    samples = [
        Sample("red " * asked, "blue " * said + "fox", rejected="a " * (asked + 1), history=before)
        for asked in range(1, 9)
        for said in range(4)
        for before in ((), turns)
    ]
    cut = dpo.columns(samples, tokenizer, max_length)
    whole = dpo.columns(samples, tokenizer, 999)
    uncut = [
        all(cut[column][at] == whole[column][at] for column in ("chosen_ids", "rejected_ids"))
        for at in range(len(samples))
    ]
    wanted = Tokens(tokenizer=str(nano_base), max_tokens=max_length)

    kept = list(within_tokens(samples, wanted, Tally("tokens")))

    assert 0 < len(kept) < len(samples)
    assert kept == [one for one, fits in zip(samples, uncut, strict=True) if fits]


def test_what_is_beyond_the_longest_length_is_cut_and_said(tokenizer: Any) -> None:
    sample = Sample("red", "a white fox and a black bird")
    (whole,) = tokenise([sample], tokenizer, 64)
    prompt = len(whole.prompt)

    (cut,) = tokenise([sample], tokenizer, prompt + 3)
    (nothing_left,) = tokenise([sample], tokenizer, prompt)

    assert (cut.prompt, cut.completion, cut.ends) == (whole.prompt, whole.completion[:3], False)
    assert (nothing_left.completion, nothing_left.ends) == ([], False)
