"""A recipe as a configuration of LLaMA-Factory.

Source of the keys: its `data/README.md`, `src/llamafactory/hparams` and `examples`,
https://github.com/hiyouga/LLaMA-Factory
"""

import json
from typing import Any

import yaml

from services.executor.exports.exported import (
    HELD_OUT,
    MEMORY,
    ORDER,
    TOKENS,
    TRAIN,
    Exported,
    commented,
    exportable,
    inexpressible,
)
from services.executor.exports.samples import as_messages
from shared.contracts.method import Lora
from shared.contracts.recipe import Recipe

TEMPLATE = (
    "No template is named, so the tokenizer's own is parsed. Where that fails, name the model's: "
    "template: qwen3_nothink, for example."
)

_KEYS = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "num_train_epochs",
    "per_device_train_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "lr_scheduler_type": "lr_scheduler_type",
    "warmup_steps": "warmup_ratio",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "max_length": "cutoff_len",
}
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def exported(recipe: Recipe, *, held_out: bool) -> Exported:
    """Return the configuration, its data's description and notes; see `trl.exported`."""
    notes = (TOKENS, ORDER, MEMORY, TEMPLATE, *inexpressible(recipe, set(_KEYS)))
    method = exportable(recipe)
    config = {
        "model_name_or_path": recipe.base_model,
        "stage": "sft",
        "do_train": True,
        **_adapter(recipe),
        "dataset_dir": ".",
        "dataset": "train",
        **(_evaluation(method.per_device_train_batch_size) if held_out else {}),
        "mask_history": True,
        **{_KEYS[name]: value for name, value in method if name in _KEYS},
        "bf16": True,
        "seed": recipe.seed,
        "save_strategy": "no",
        "report_to": "none",
        "output_dir": "checkpoint",
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    files = {"train": TRAIN} | ({"held_out": HELD_OUT} if held_out else {})
    described = {name: _dataset(file) for name, file in files.items()}
    return Exported(
        {
            "train.yaml": commented(notes) + text,
            "dataset_info.json": json.dumps(described, indent=2) + "\n",
        },
        as_messages,
        notes,
        "llamafactory-cli train train.yaml",
    )


def _evaluation(batch_size: int) -> dict[str, Any]:
    return {
        "eval_dataset": "held_out",
        "eval_strategy": "steps",
        "eval_steps": 0.25,
        "per_device_eval_batch_size": batch_size,
    }


def _dataset(file: str) -> dict[str, Any]:
    return {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": _TAGS,
    }


def _adapter(recipe: Recipe) -> dict[str, Any]:
    if not isinstance(recipe.adapter, Lora):
        return {"finetuning_type": "full", "pure_bf16": True}
    return {
        "finetuning_type": "lora",
        "lora_rank": recipe.adapter.r,
        "lora_alpha": recipe.adapter.lora_alpha,
        "lora_dropout": recipe.adapter.lora_dropout,
        "lora_target": "all",
        "use_rslora": recipe.adapter.use_rslora,
    }
