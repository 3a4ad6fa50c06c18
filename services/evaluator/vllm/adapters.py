"""Refuses checkpoints that vLLM would reject, or serve otherwise than they were trained. No torch.

What is refused is what vLLM 0.32 rejects (its check of PEFT's configuration), and what earlier
versions ignored without a word, which makes scores that are simply wrong.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from services.evaluator.vllm.server import linear_layers
from services.evaluator.weights import ADAPTER, check_adapter_weights
from shared.errors import ScoringFailed

CONFIG = "adapter_config.json"

_PLAIN = ("none", "true", "false", "gaussian", "eva", "orthogonal")
"""Ways to begin an adapter that leave the base model as it is, as a server has it."""

_NEVER_SERVED = ("lm_head", "embed_tokens")
"""Layers whose adapters break or are passed over (vLLM 0.32)."""


def is_adapter(checkpoint: Path) -> bool:
    """Whether a folder holds an adapter and no whole model."""
    return (checkpoint / CONFIG).is_file()


def check_adapter(checkpoint: Path, base_model: str, *, max_rank: int) -> None:
    """Return if a server of the base model, with adapters up to a rank, serves it as trained.

    Raises:
        ScoringFailed: it does not.
    """
    config = _config(checkpoint)
    for fault in _faults(config, base_model, max_rank):
        raise ScoringFailed(f"{checkpoint}: {fault}")
    check_adapter_weights(checkpoint, base_model)
    _refuse_unserved(checkpoint, base_model)
    _refuse_other_template(checkpoint, Path(base_model))
    _refuse_other_vocabulary(checkpoint, Path(base_model))


def _faults(config: dict[str, Any], base_model: str, max_rank: int) -> list[str]:
    trained_on = str(config.get("base_model_name_or_path"))
    kind = config.get("peft_type")
    began = str(config.get("init_lora_weights")).lower()
    ranks = [int(config.get("r") or 0), *map(int, (config.get("rank_pattern") or {}).values())]
    special = [
        name
        for name in ("use_dora", "lora_bias", "layer_replication", "use_qalora", "modules_to_save",
                     "alora_invocation_tokens", "use_bdlora", "trainable_token_indices")
        if config.get(name)
    ]  # fmt: skip
    faults = []
    if kind != "LORA":
        faults.append(f"wanted a LoRA adapter, found {kind}; train one of the kind lora")
    if not same_model(trained_on, base_model):
        faults.append(
            f"wanted an adapter of {base_model!r}, found one of {trained_on!r}; score it on that"
        )
    if max(ranks) > max_rank:
        faults.append(
            f"wanted an adapter of a rank up to {max_rank}, found {max(ranks)}; lower r, or raise "
            "TREX_EVALUATOR_MAX_LORA_RANK"
        )
    if began not in _PLAIN:
        faults.append(f"wanted an adapter of the base model as it is, found {began}; save it so")
    if special:
        faults.append(f"wanted a plain LoRA adapter, found {', '.join(special)}; train without")
    return faults


def same_model(one: str, other: str) -> bool:
    """Whether two names, each a hub id or a folder, are of one model."""
    if one == other:
        return True
    return Path(one).is_dir() and Path(other).is_dir() and Path(one).samefile(other)


def _config(checkpoint: Path) -> dict[str, Any]:
    try:
        found = json.loads((checkpoint / CONFIG).read_text())
    except (OSError, ValueError) as error:
        found = error
    if not isinstance(found, dict):
        # Not what it holds: it may be anything that the evaluator can read.
        what = "none that can be read" if isinstance(found, Exception) else type(found).__name__
        raise ScoringFailed(
            f"{checkpoint / CONFIG}: wanted PEFT's configuration, a JSON object, found {what}; "
            "save the adapter again"
        )
    return found


def _refuse_unserved(checkpoint: Path, base_model: str) -> None:
    """A server takes adapters of the layers that it was started for, and passes over others."""
    served = linear_layers(base_model) if Path(base_model).is_dir() else None
    with safe_open(checkpoint / ADAPTER, framework="numpy") as weights:
        names = list(weights.keys())
    for name in names:
        path, lora, _ = name.partition(".lora_")
        layer = path.rpartition(".")[2]
        passed_over = layer in _NEVER_SERVED or (served is not None and layer not in served)
        if lora and passed_over:
            raise ScoringFailed(
                f"{checkpoint / ADAPTER}: wanted adapters of layers that vLLM serves, found one of "
                f"{layer}; train without it"
            )


def _refuse_other_template(checkpoint: Path, base_model: Path) -> None:
    """The server writes prompts as its base model does, whatever the adapter was trained with."""
    name = "chat_template.jinja"
    ours, theirs = checkpoint / name, base_model / name
    if ours.is_file() and theirs.is_file() and ours.read_bytes() != theirs.read_bytes():
        raise ScoringFailed(
            f"{ours}: wanted the chat template of {base_model}, found another; train with the base "
            "model's own"
        )


def _refuse_other_vocabulary(checkpoint: Path, base_model: Path) -> None:
    """The server tokenises as its base model does, too."""
    ours, theirs = (_vocabulary(folder / "tokenizer.json") for folder in (checkpoint, base_model))
    if ours and theirs and ours != theirs:
        raise ScoringFailed(
            f"{checkpoint}: wanted the vocabulary of {base_model}, found another; train with the "
            "base model's own tokenizer"
        )


def _vocabulary(tokenizer: Path) -> list[Any]:
    """Return all tokens with their ids; nothing where there is no such file."""
    if not tokenizer.is_file():
        return []
    found = json.loads(tokenizer.read_bytes())
    added = {token["content"]: token["id"] for token in found["added_tokens"]}
    return [found["model"].get("vocab"), added]
