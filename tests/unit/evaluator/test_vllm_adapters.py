"""What is refused before a vLLM server sees it, and why."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from services.evaluator.vllm.adapters import CONFIG, check_adapter, is_adapter
from services.evaluator.vllm.server import linear_layers
from services.evaluator.weights import ADAPTER
from shared.errors import ScoringFailed


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "base"
    base.mkdir()
    (base / "chat_template.jinja").write_text("{{ messages }}")
    return base


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    configure(folder, base_model_name_or_path=str(base))
    weigh(folder, np.ones((4, 8), np.float32))
    return folder


def configure(folder: Path, **changed: Any) -> None:
    known = folder / CONFIG
    usual = json.loads(known.read_text()) if known.is_file() else {"peft_type": "LORA", "r": 4}
    known.write_text(json.dumps(usual | changed))


def weigh(folder: Path, weight: Any) -> None:
    save_file({"lora_A.weight": weight}, folder / ADAPTER)


def test_a_plain_adapter_of_the_base_model_is_served(adapter: Path, base: Path) -> None:
    check_adapter(adapter, str(base), max_rank=64)

    assert is_adapter(adapter)
    assert not is_adapter(base)


def test_the_base_model_may_be_written_in_another_way(
    adapter: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.parent)

    check_adapter(adapter, "./base", max_rank=64)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base_model_name_or_path": "another"}, "found one of 'another'"),
        ({"r": 128}, "wanted an adapter of a rank up to 64, found 128"),
        ({"rank_pattern": {"q_proj": 100}}, "found 100"),
        ({"use_dora": True}, "found use_dora"),
        ({"lora_bias": True}, "found lora_bias"),
        ({"modules_to_save": ["embed_tokens"]}, "found modules_to_save"),
        ({"init_lora_weights": "pissa_niter_4"}, "found pissa_niter_4"),
        ({"init_lora_weights": "olora"}, "found olora"),
        ({"init_lora_weights": "lora_ga"}, "found lora_ga"),
        ({"peft_type": "IA3"}, "found IA3"),
    ],
)
def test_what_a_server_would_reject_or_serve_otherwise_is_refused(
    adapter: Path, base: Path, changed: dict[str, Any], said: str
) -> None:
    configure(adapter, **changed)

    with pytest.raises(ScoringFailed, match=said):
        check_adapter(adapter, str(base), max_rank=64)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_that_are_no_numbers_are_refused(
    adapter: Path, base: Path, broken: float, dtype: Any
) -> None:
    weight = np.ones((4, 8), dtype)
    weight[3, 7] = broken
    weigh(adapter, weight)

    with pytest.raises(ScoringFailed, match=r"found NaN or infinite ones in lora_A\.weight"):
        check_adapter(adapter, str(base), max_rank=64)


@pytest.mark.parametrize(("bits", "refused"), [(0x7FC0, True), (0x7F80, True), (0x3F80, False)])
def test_weights_in_bfloat16_are_looked_at_too(
    adapter: Path, base: Path, bits: int, refused: bool
) -> None:
    header = {"w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + bits.to_bytes(2, "little")
    (adapter / ADAPTER).write_bytes(content)

    if refused:
        with pytest.raises(ScoringFailed, match="found NaN or infinite ones in w"):
            check_adapter(adapter, str(base), max_rank=64)
    else:
        check_adapter(adapter, str(base), max_rank=64)


@pytest.mark.parametrize("how", ["missing", "cut short"])
def test_weights_that_cannot_be_read_are_refused(adapter: Path, base: Path, how: str) -> None:
    weights = adapter / ADAPTER
    if how == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-20])

    with pytest.raises(ScoringFailed, match="wanted weights as safetensors"):
        check_adapter(adapter, str(base), max_rank=64)


@pytest.mark.parametrize("config", ["", "[]", "not json"])
def test_a_configuration_that_is_none_is_refused(adapter: Path, base: Path, config: str) -> None:
    (adapter / CONFIG).write_text(config)

    with pytest.raises(ScoringFailed, match="save the adapter again"):
        check_adapter(adapter, str(base), max_rank=64)


def test_an_adapter_that_was_trained_with_another_chat_template_is_refused(
    adapter: Path, base: Path
) -> None:
    (adapter / "chat_template.jinja").write_text("{{ other }}")

    with pytest.raises(ScoringFailed, match="found another; train with the base model's own"):
        check_adapter(adapter, str(base), max_rank=64)


def test_adapters_may_be_put_on_every_matrix_but_embedding_and_output(base: Path) -> None:
    matrix, vector = np.ones((2, 2), np.float32), np.ones(2, np.float32)
    layers = ("model.embed_tokens", "model.layers.0.attn.wide_proj", "lm_head", "model.layers.1.up")
    tensors = {f"{layer}.weight": matrix for layer in layers}
    save_file(tensors | {"model.norm.weight": vector}, base / "model.safetensors")

    assert linear_layers(str(base)) == ["up", "wide_proj"]
    assert "q_proj" in linear_layers("an/id-of-the-hub")


@pytest.mark.parametrize(
    ("layer", "refused"), [("lm_head", True), ("conv", True), ("model.layers.0.q_proj", False)]
)
def test_an_adapter_of_a_layer_that_a_server_passes_over_is_refused(
    adapter: Path, base: Path, layer: str, refused: bool
) -> None:
    whole = {f"{name}.weight": np.ones((8, 8), np.float32) for name in ("model.layers.0.q_proj",)}
    save_file(whole, base / "model.safetensors")
    halves = {f"base_model.model.{layer}.lora_A.weight": np.ones((4, 8), np.float32)}
    save_file(halves, adapter / ADAPTER)

    if refused:
        with pytest.raises(ScoringFailed, match=f"found one of {layer}; train without it"):
            check_adapter(adapter, str(base), max_rank=64)
    else:
        check_adapter(adapter, str(base), max_rank=64)
