"""Keeps the weights that had the lowest loss on held-out samples, and goes back to earlier ones."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.executor.interruption import scratch_of
from shared.contracts.run import LossPoint

_LOWEST = "lowest"
_STEP = "step"


class Lowest(TrainerCallback):
    """Saves the weights whenever the held-out loss is lower than ever in this run."""

    def __init__(self, folder: Path, before: Path | None) -> None:
        """Take over what ``before``, from which the run goes on, kept.

        ``folder`` is the checkpoint to be.
        """
        self._kept = scratch_of(folder) / _LOWEST
        shutil.rmtree(self._kept, ignore_errors=True)
        if before is not None and (before / _LOWEST).is_dir():
            _link(before / _LOWEST, self._kept)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Save the weights if none before had a lower loss."""
        losses = [at["eval_loss"] for at in state.log_history if "eval_loss" in at]
        if not state.is_world_process_zero or losses[-1] > min(losses):
            return
        partial = self._kept.with_name(f"{_LOWEST}.partial")
        model.save_pretrained(partial)
        (partial / _STEP).write_text(str(state.global_step))
        shutil.rmtree(self._kept, ignore_errors=True)
        partial.rename(self._kept)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Have the next attempt find them in what it goes on from."""
        saved = self._kept.with_name(f"checkpoint-{state.global_step}")
        if state.is_world_process_zero and self._kept.is_dir():
            _link(self._kept, saved / _LOWEST)


def without_gain(held_out: Sequence[LossPoint]) -> int:
    """Return how many measurements came after the lowest one."""
    losses = [point.loss for point in held_out]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def go_back(trainer: Trainer, folder: Path, *, upto: int | None = None) -> int | None:
    """Load earlier weights of a run; return the step they are of, None if there are none.

    Args:
        trainer: whose weights are replaced.
        folder: the run's checkpoint to be.
        upto: take the newest weights saved up to this step; without it, those of the lowest loss.
    """
    scratch = scratch_of(folder)
    found = {int((kept / _STEP).read_text()): kept for kept in scratch.glob(_LOWEST)}
    if upto is not None:
        found |= {int(one.name.split("-")[1]): one for one in scratch.glob("checkpoint-*")}
    steps = [step for step in found if upto is None or step <= upto]
    if not steps:
        return None
    trainer._load_from_checkpoint(str(found[max(steps)]))  # knows adapters and whole models
    return max(steps)


def _link(kept: Path, to: Path) -> None:
    """Copy a folder without copying its bytes: both are only ever replaced as a whole."""
    shutil.copytree(kept, to, copy_function=os.link)
