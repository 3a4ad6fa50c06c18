from pathlib import Path

import pytest

from services.researcher.families import base_family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen3-1.7B", "qwen3"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2"),
        ("meta-llama/Llama-3.2-1B", "llama"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "llama"),
        ("HuggingFaceTB/SmolLM3-3B", "smollm3"),
        ("google/gemma-3-1b-it", "gemma3"),
        ("google/gemma-2-2b", "gemma2"),
        ("mistralai/Ministral-8B-Instruct", "mistral"),
        ("mistralai/Mixtral-8x7B", "mixtral"),
        ("microsoft/Phi-4-mini-instruct", "phi3"),
        ("microsoft/phi-2", "phi"),
        ("acme/graphite-1b", "unknown"),
        ("acme/sapphi-3-base", "unknown"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "qwen2"),
        ("/models/Qwen3-0.6B/", "qwen3"),
        ("/home/llama/models/base", "unknown"),
        ("acme/own-model", "unknown"),
    ],
)
def test_a_name_tells_the_family(name: str, family: str) -> None:
    assert base_family(name) == family


def test_what_a_folder_says_goes_before_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "gemma3_text"}')

    assert base_family(str(folder)) == "gemma3"


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": 3}', "{}"])
def test_a_folder_that_does_not_say_is_told_by_its_name(tmp_path: Path, config: str) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text(config)

    assert base_family(str(folder)) == "llama"
