from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from shared.contracts.operators import Load, Tokens
from shared.errors import Rejected
from tests.support.artifacts import artifacts_at
from tests.support.examples import recipe
from trex.cli import app
from trex.recipefile import holds_recipe, read_published_recipe, read_recipe


@pytest.fixture
def file(tmp_path: Path) -> Path:
    wanted = recipe().model_copy(update={"base_model": "org/model"})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(wanted.model_dump(mode="json")))
    return path


def test_paths_are_relative_to_the_recipe(file: Path) -> None:
    load = read_recipe(file).data[0]

    assert isinstance(load, Load)
    assert load.path == str(file.parent / "train.jsonl")


def test_a_tokenizers_folder_is_relative_to_the_recipe_too(file: Path) -> None:
    (file.parent / "words").mkdir()
    found = yaml.safe_load(file.read_text())
    tokens = [Tokens(tokenizer=name, max_tokens=9).model_dump() for name in ("words", "org/words")]
    file.write_text(yaml.safe_dump({**found, "data": [*found["data"][:2], *tokens]}))

    data = read_recipe(file).data

    assert [one.tokenizer for one in data if isinstance(one, Tokens)] == [
        str(file.parent / "words"),
        "org/words",
    ]


def test_a_checkpoints_folder_stands_for_the_recipe_in_it(file: Path) -> None:
    assert holds_recipe(file.parent)
    assert read_recipe(file.parent) == read_recipe(file)


def test_a_checkpoint_in_the_store_stands_for_its_recipe_too(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = f"file://{tmp_path}/shared", tmp_path / "host" / "j-1" / "run-1" / "attempt-1"
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "recipe.yaml").write_text(file.read_text())
    name = artifacts_at(tmp_path / "host", url).publish(folder / "checkpoint")
    monkeypatch.setenv("TREX_ARTIFACTS_URL", url)
    monkeypatch.setenv("TREX_ARTIFACTS_FOLDER", str(tmp_path / "here"))

    assert read_published_recipe(name).method == read_recipe(file).method
    assert read_published_recipe(str(file)) == read_recipe(file)


def test_rows_in_the_store_keep_their_name(file: Path) -> None:
    name = f"store:{'0' * 64}/train.jsonl"
    found = yaml.safe_load(file.read_text())
    found["data"][0]["path"] = name
    file.write_text(yaml.safe_dump(found))

    load = read_recipe(file).data[0]

    assert isinstance(load, Load)
    assert load.path == name


def test_a_folder_without_a_recipe_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"recipe.yaml: wanted a recipe file, found none"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("text", ["goal: x\nbudget: {experiments: 4}\n", "- 1\n", "a: [\n"])
def test_a_job_and_what_is_neither_are_no_recipe(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.yaml").write_text(text)

    assert not holds_recipe(tmp_path / "job.yaml")
    assert not holds_recipe(tmp_path / "nowhere.yaml")


def test_a_field_with_a_bad_value_is_named(file: Path) -> None:
    file.write_text(file.read_text().replace("num_train_epochs: 2.0", "num_train_epochs: -1"))

    with pytest.raises(Rejected, match=r"num_train_epochs: .* greater than 0, got -1"):
        read_recipe(file)


def test_a_recipe_that_goes_on_from_other_weights_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace("continues: null", f"continues: {'f' * 64}"))

    with pytest.raises(Rejected, match="the weights of recipe ffffffffffff; carry that one out"):
        read_recipe(file)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "wanted --out with a recipe, found none; name a folder to make"),
        (["--out", "x", "--mode", "uct"], "wanted a job beside --mode"),
        (["--out", "."], "wanted to make this folder, found it there"),
    ],
)
def test_what_cannot_work_with_a_recipe_is_one_line_and_status_2(
    file: Path, words: list[str], said: str
) -> None:
    done = CliRunner().invoke(app, ["run", str(file), *words])

    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_job_has_no_use_for_out(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("goal: x\n")

    done = CliRunner().invoke(app, ["run", str(tmp_path / "job.yaml"), "--out", "x"])

    assert done.exit_code == 2
    assert "wanted a recipe beside --out, found a job" in done.stderr
