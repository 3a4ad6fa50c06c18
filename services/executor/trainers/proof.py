"""Proves after the first step that what is trained can be saved, read and generated with.

A run of hours that ends in a checkpoint without its weights costs as much as one that works.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.executor import processes
from services.executor.trainers.answering import answer
from shared.errors import TrainingFailed

_TOKENS = 8


class Proof(TrainerCallback):
    """Saves the model once, reads it back, and lets it answer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """After the first step, see whether the weights survive.

        Raises:
            TrainingFailed: a trained weight is not in what was saved or is another there, or the
                model cannot generate.
        """
        if state.global_step != 1 or not processes.is_first():
            return
        assert args.output_dir is not None
        home = Path(args.output_dir).parent
        with tempfile.TemporaryDirectory(prefix=".proof-", dir=home) as folder:
            model.save_pretrained(folder)
            _refuse_lost(model, Path(folder))
        self._refuse_silent(model)

    def _refuse_silent(self, model: Any) -> None:
        prompt = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": "?"}], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        if answer(model, self._tokenizer, [prompt], new_tokens=_TOKENS) == [[]]:
            raise TrainingFailed(
                "wanted a model that generates, found that it adds nothing to a prompt; use "
                "another base model"
            )


def _refuse_lost(model: Any, folder: Path) -> None:
    """Compare what is trained with what was saved, bit for bit."""
    saved = {name: file for file in folder.glob("*.safetensors") for name in _names(file)}
    for name, weight in _trained(model):
        found = None if name not in saved else _read(saved[name], name)
        if found is None or not torch.equal(found, weight.detach().cpu()):
            raise TrainingFailed(
                f"wanted the trained weight {name} in the checkpoint, found "
                f"{'another value' if name in saved else 'none'} there after one step; this base "
                "model cannot be saved with this adapter, use another of the two"
            )


def _trained(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(model, PeftModel):
        yield from get_peft_model_state_dict(model).items()
        return
    yield from ((name, one) for name, one in model.named_parameters() if one.requires_grad)


def _names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as weights:
        return list(weights.keys())


def _read(file: Path, name: str) -> torch.Tensor:
    with safe_open(file, framework="pt") as weights:
        tensor: torch.Tensor = weights.get_tensor(name)
        return tensor
