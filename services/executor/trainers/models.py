"""Loads base models and adapters, and says what this machine computes with."""

import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from services.executor import processes
from shared.contracts.method import FullTuning, Lora, Qlora
from shared.contracts.recipe import Recipe
from shared.errors import TrainingFailed


def load_tokenizer(base_model: str) -> Any:
    """Return the tokenizer of a model folder or hub id.

    Raises:
        TrainingFailed: there is none, or it has no chat template.
    """
    tokenizer = _loaded(AutoTokenizer, base_model)
    if not tokenizer.chat_template:
        raise TrainingFailed(
            f"wanted a chat template in the tokenizer of {base_model!r}, found none; use an "
            "instruction-tuned base, or add chat_template.jinja to its folder"
        )
    return tokenizer


def load_model(recipe: Recipe, start_from: Path | None) -> Any:
    """Return the model that a recipe trains: the base, or what an earlier run made of it.

    Args:
        recipe: what to train.
        start_from: checkpoint to go on from, of the same kind as the recipe's adapter.

    Raises:
        TrainingFailed: there is no such model, or the checkpoint is of another kind.
    """
    if start_from is None:
        return _base(recipe)
    adapted = (start_from / "adapter_config.json").is_file()
    if adapted == isinstance(recipe.adapter, FullTuning):
        raise TrainingFailed(
            f"wanted a checkpoint of the recipe's own kind to go on from, found "
            f"{'an adapter' if adapted else 'a full model'} at {start_from}; train "
            f"{'an adapter' if adapted else 'all weights'} or start from the base model"
        )
    if not adapted:
        return _loaded(AutoModelForCausalLM, str(start_from), dtype=dtype())
    return PeftModel.from_pretrained(_base(recipe), str(start_from), is_trainable=True)


def _base(recipe: Recipe) -> Any:
    quantised = {}
    if isinstance(recipe.adapter, Qlora):
        quantised["quantization_config"] = _four_bits()
    return _loaded(AutoModelForCausalLM, recipe.base_model, dtype=dtype(), **quantised)


def _four_bits() -> BitsAndBytesConfig:
    if not torch.cuda.is_available() or find_spec("bitsandbytes") is None:
        raise TrainingFailed(
            "wanted CUDA and bitsandbytes for the adapter qlora, found "
            f"{'no bitsandbytes' if torch.cuda.is_available() else 'no CUDA device'}; use lora"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype(),
    )


def new_adapter(recipe: Recipe, start_from: Path | None) -> LoraConfig | None:
    """Return the adapter to be made; None where all weights are trained or one is gone on with."""
    match recipe.adapter:
        case FullTuning():
            return None
        case Lora() | Qlora() as lora:
            if start_from is not None:
                return None
            return LoraConfig(
                r=lora.r,
                lora_alpha=lora.lora_alpha,
                lora_dropout=lora.lora_dropout,
                use_rslora=lora.use_rslora,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            )


def dtype() -> torch.dtype:
    """Return the type that weights are held in."""
    return torch.bfloat16 if has_bf16() else torch.float32


def has_bf16() -> bool:
    """Whether this machine's accelerator computes in bfloat16."""
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def devices() -> int:
    """Return how many devices a run holds; one without an accelerator counts one a process."""
    together = processes.number()
    return together if together > 1 else max(1, torch.cuda.device_count())


def _loaded(kind: Any, base_model: str, **how: Any) -> Any:
    try:
        return kind.from_pretrained(base_model, **how)
    except (OSError, ValueError) as error:
        if Path(base_model).is_absolute() and not Path(base_model).exists():
            raise TrainingFailed(
                f"wanted a transformers model at {base_model} on every host, found no such folder "
                f"on {socket.gethostname()}; put it there, or name a model of the hub"
            ) from None
        raise TrainingFailed(
            f"wanted a transformers model and its tokenizer at {base_model!r}, found none "
            f"({str(error).splitlines()[0]}); correct base_model"
        ) from None
