from pathlib import Path

import pytest

from shared.errors import Rejected
from trex.base_model import resolve_base_model

FILES = {
    "config.json": "{}",
    "model.safetensors": "",
    "tokenizer.json": "{}",
    "tokenizer_config.json": '{"chat_template": "x"}',
}


def save_model(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)


def test_a_relative_folder_becomes_absolute(tmp_path: Path) -> None:
    save_model(tmp_path / "model", FILES)

    assert resolve_base_model("model", tmp_path) == str(tmp_path / "model")


def test_a_template_in_a_file_of_its_own_counts(tmp_path: Path) -> None:
    files = {**FILES, "tokenizer_config.json": "{}", "chat_template.jinja": "x"}
    save_model(tmp_path / "model", files)

    assert resolve_base_model("model", tmp_path) == str(tmp_path / "model")


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen2.5-0.5B-Instruct"])
def test_a_hub_id_stays_as_it_is(tmp_path: Path, name: str) -> None:
    assert resolve_base_model(name, tmp_path) == name


@pytest.mark.parametrize("name", ["./model", "/no/model", "a/b/c", "my model", "org/", "~/model"])
def test_what_is_neither_folder_nor_hub_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Rejected, match="wanted an existing folder or a hub id"):
        resolve_base_model(name, tmp_path)


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        ({**FILES, "config.json": None}, r"config\.json"),
        ({**FILES, "model.safetensors": None}, "safetensors"),
        ({**FILES, "tokenizer.json": None, "tokenizer_config.json": None}, r"tokenizer\.json or"),
        ({**FILES, "tokenizer_config.json": "{}"}, "a chat template"),
        ({**FILES, "tokenizer_config.json": "{"}, "wanted JSON"),
    ],
)
def test_a_folder_that_cannot_be_fine_tuned_says_what_it_lacks(
    tmp_path: Path, files: dict[str, str | None], lacking: str
) -> None:
    kept = {name: text for name, text in files.items() if text is not None}
    save_model(tmp_path / "model", kept)

    with pytest.raises(Rejected, match=lacking):
        resolve_base_model("model", tmp_path)
