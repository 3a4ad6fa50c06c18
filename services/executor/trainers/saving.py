"""Writes checkpoints: whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

from transformers import Trainer

from services.executor.interruption import scratch_of


def save(
    trainer: Trainer, folder: Path, *, also: Callable[[Path], None], to_go_on: bool
) -> str | None:
    """Write the checkpoint, and beside it what the run can go on from; return where that is.

    Args:
        trainer: whose model is saved.
        folder: does not exist yet.
        also: writes into the folder it is given what belongs with the weights.
        to_go_on: whether the run is to go on later.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    trainer.save_model(str(partial))
    also(partial)
    scratch = scratch_of(folder)
    resume = folder.with_name("resume") if to_go_on else None
    if resume is not None:
        shutil.rmtree(resume, ignore_errors=True)
        (scratch / f"checkpoint-{trainer.state.global_step}").rename(resume)
    partial.rename(folder)
    shutil.rmtree(scratch, ignore_errors=True)  # last: until here the run could go on from it
    return None if resume is None else str(resume)
