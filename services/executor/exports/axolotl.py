"""A recipe as a configuration of axolotl.

Source of the keys: axolotl's configuration reference, https://docs.axolotl.ai/docs/config-reference.html
"""

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

_KEYS = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "num_epochs",
    "per_device_train_batch_size": "micro_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "lr_scheduler_type": "lr_scheduler",
    "warmup_steps": "warmup_ratio",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "max_length": "sequence_len",
}


def exported(recipe: Recipe, *, held_out: bool) -> Exported:
    """Return the configuration and what it cannot say; see `trl.exported`."""
    notes = (TOKENS, ORDER, MEMORY, *inexpressible(recipe, set(_KEYS)))
    config = {
        "base_model": recipe.base_model,
        "datasets": [_dataset(TRAIN)],
        **({"test_datasets": [_dataset(HELD_OUT)], "eval_strategy": "steps"} if held_out else {}),
        **({"eval_steps": 0.25} if held_out else {}),
        **_adapter(recipe),
        **{_KEYS[name]: value for name, value in exportable(recipe) if name in _KEYS},
        "optimizer": "adamw_torch_fused",
        "sample_packing": False,
        "group_by_length": True,
        "gradient_checkpointing": True,
        "bf16": "auto",
        "seed": recipe.seed,
        "save_strategy": "no",
        "output_dir": "checkpoint",
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return Exported(
        {"axolotl.yaml": commented(notes) + text}, as_messages, notes, "axolotl train axolotl.yaml"
    )


def _dataset(path: str) -> dict[str, Any]:
    return {
        "path": path,
        "ds_type": "json",
        "split": "train",  # what a single file is called, whatever it is for
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "field_messages": "messages",
        # Both null: the loss counts the last message alone.
        "roles_to_train": None,
        "train_on_eos": None,
    }


def _adapter(recipe: Recipe) -> dict[str, Any]:
    if not isinstance(recipe.adapter, Lora):
        return {}
    return {
        "adapter": "lora",
        "lora_r": recipe.adapter.r,
        "lora_alpha": recipe.adapter.lora_alpha,
        "lora_dropout": recipe.adapter.lora_dropout,
        "lora_target_linear": True,
        "peft_use_rslora": recipe.adapter.use_rslora,
    }
