"""Carries out one recipe with TRL, in the process that calls it."""

import math
import signal
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, assert_never

import torch
from datasets import disable_progress_bars
from transformers import Trainer, set_seed
from transformers.utils import logging as transformers_logging

from services.executor import processes
from services.executor.chat_tokens import Example, tokenise
from services.executor.interruption import STATE, ToldToStop, scratch_of
from services.executor.pipeline import Materialised, read_materialised
from services.executor.trainers import dpo, grpo, kto, sft
from services.executor.trainers.legs import Legs
from services.executor.trainers.lowest import Lowest, go_back
from services.executor.trainers.material import Material, material_of
from services.executor.trainers.models import (
    devices,
    has_bf16,
    load_model,
    load_tokenizer,
    new_adapter,
)
from services.executor.trainers.parity import write_parity
from services.executor.trainers.proof import Proof
from services.executor.trainers.saving import save
from services.executor.trainers.together import (
    micro_batch,
    short_of_memory,
    take_device,
    wait_for_all,
)
from services.executor.trainers.watch import (
    LOSS_POINTS,
    Before,
    Say,
    Watch,
    read_before,
    thinned,
)
from shared.contracts.method import Dpo, Grpo, Kto, Sft
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress, RunRequest, Trained
from shared.errors import Diverged, TrainingFailed
from shared.telemetry.spans import span

MOST_STEPS_A_POINT = 20
"""Steps between two points of a training curve while it is being measured."""

HELD_OUT_POINTS = 4
"""Points a held-out curve has; each costs a pass over the held-out samples."""

SAVE_EVERY_S = 300.0
"""Seconds of training that are lost at most when a worker dies."""

SHOWN = 3
"""Samples that the log shows as they are trained on, what the loss counts in green."""

GREEN, PLAIN = "\x1b[32m", "\x1b[0m"


def train(
    request: RunRequest,
    data: Materialised,
    folder: Path,
    *,
    say: Say,
    interrupted: Path | None = None,
    save_every_s: float = SAVE_EVERY_S,
) -> Trained:
    """Train a recipe and return the outcome; its checkpoint is ``folder``.

    The checkpoint appears complete or not at all. A run that goes on from where another stopped
    ends as that one would have: the same order of samples, schedule and optimizer. One whose loss
    becomes NaN or infinite ends with what was saved of it, if anything was.

    Args:
        request: what to do. When its ``resume_from`` is gone, the run starts again and says so.
        data: the recipe's samples.
        folder: does not exist yet. Beside it lies, while training, what the run can go on from.
        say: told where training stands, a few times a second at most.
        interrupted: what an attempt at this very run left behind; comes before ``resume_from``.
        save_every_s: seconds between two times that the run saves what it can go on from.

    Raises:
        ToldToStop: SIGTERM came; what the run can go on from lies beside ``folder``.
        DataFailed: the samples do not fit the method.
        TrainingFailed: the base model cannot be loaded or has no chat template, memory ran out, or
            the processes that train together cannot share a step evenly.
        Diverged: the loss became NaN or infinite before anything was saved.
    """
    take_device()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    recipe = request.recipe
    resume_from, start_from = _path(request.resume_from), _path(request.start_from)
    if resume_from is not None and not (resume_from / STATE).is_file():
        say(Progress(phase=f"starting again, for {resume_from.name} is gone"))
        resume_from = None
    whence = interrupted or resume_from
    before = Before() if whence is None else read_before(whence, same_run=interrupted is not None)
    started = time.monotonic() - before.seconds
    say(Progress(phase="tokenising"))
    tokenizer = load_tokenizer(recipe.base_model)
    material = _material(recipe, data, tokenizer, request.data_share)
    if processes.is_first():
        _show(data, tokenizer, recipe.method.max_length)
    evaluates = material.held_out is not None

    def fit(micro: int) -> tuple[Trainer, Watch] | str:
        """Train with so many samples in a forward pass; return what was said when memory ran out.

        A function of its own, so that what it held is free before the next attempt.
        """
        set_seed(recipe.seed)
        say(Progress(phase="loading the base model"))
        watching = Watch(
            request,
            say,
            started=started,
            save_every_s=save_every_s,
            evaluates=evaluates,
            log=before.log,
        )
        legs = Legs()
        keeping = [] if request.patience is None else [Lowest(folder, whence)]
        with span("load", {"trex.model": recipe.base_model}):
            model = load_model(recipe, start_from)
        parts = {
            "model": model,
            "train_dataset": material.train,
            "eval_dataset": material.held_out,
            "processing_class": tokenizer,
            "peft_config": new_adapter(recipe, start_from),
            # What is kept comes first: a save counts as whole once ``watching`` has signed it.
            "callbacks": [*keeping, watching, legs, Proof(tokenizer)],
        }
        arguments = _arguments(recipe, micro, folder, len(material.train), evaluate=evaluates)
        try:
            trainer = _trainer(recipe, material, arguments, parts)
            with watching.heeding(signal.SIGTERM), legs:
                trainer.train(resume_from_checkpoint=None if whence is None else str(whence))
        except torch.OutOfMemoryError as error:
            return str(error)
        except Diverged:
            watching.kept_step = go_back(trainer, folder, upto=watching.known_good)
            if watching.kept_step is None:
                raise
            watching.stopped = "diverged"
        return trainer, watching

    micro = micro_batch(
        _batch(recipe),
        recipe.method.per_device_train_batch_size,
        shared_by=processes.number(),
        least=_least(recipe),
    )
    while isinstance(fitted := fit(micro), str):
        smaller = smaller_micro_batch(micro, least=_least(recipe))
        if smaller is None:
            raise TrainingFailed(
                f"wanted memory for {micro} sample{'s' * (micro > 1)} at a time, found too little "
                f"({fitted}); lower max_length or train an adapter"
            )
        if processes.number() > 1:
            raise short_of_memory(micro, smaller, batch=_batch(recipe), said=fitted)
        say(Progress(phase=f"starting again with {smaller} samples at a time instead of {micro}"))
        micro = smaller
        torch.cuda.empty_cache()
    trainer, watched = fitted
    if watched.stopped == "told":
        raise ToldToStop
    if watched.overshot:
        watched.kept_step = go_back(trainer, folder)
    say(Progress(phase="saving", step=watched.steps, steps=watched.steps, loss=watched.loss))
    resume = None
    wait_for_all()  # the others may still read what saving clears away
    if processes.is_first():
        also = partial(
            write_parity,
            trainer.model,
            tokenizer,
            data.train,
            recipe,
            template_sha256=material.tokenised.chat_template,
            tokens_at_once=micro * recipe.method.max_length,
        )
        with span("save"):
            resume = save(trainer, folder, also=also, to_go_on=watched.stopped == "rung")
    return Trained(
        checkpoint=str(folder),
        train_loss=watched.curves["loss"][-1].loss,
        train_curve=thinned(watched.curves["loss"], LOSS_POINTS),
        held_out_curve=tuple(watched.curves["eval_loss"]),
        reward_curve=watched.rewards,
        rows=data.rows,
        tokenised=material.tokenised,
        micro_batch=micro,
        steps=watched.steps,
        tokens=int(trainer.state.num_input_tokens_seen),
        stopped=watched.stopped,
        kept_step=watched.kept_step,
        resume=resume,
        gpu_seconds=(time.monotonic() - started) * devices(),
    )


def smaller_micro_batch(micro: int, least: int = 1) -> int | None:
    """Return the largest proper divisor, so that a step still holds as many samples.

    None when it would be below ``least``.
    """
    return next((one for one in range(micro // 2, least - 1, -1) if micro % one == 0), None)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _material(recipe: Recipe, data: Materialised, tokenizer: Any, data_share: float) -> Material:
    match recipe.method:
        case Sft():
            columns = sft.columns
        case Dpo():
            columns = dpo.columns
        case Kto():
            columns = kto.columns
        case Grpo() as method:
            return grpo.material_of(recipe, method, data, tokenizer, data_share=data_share)
        case _:
            assert_never(recipe.method)
    return material_of(recipe, data, tokenizer, columns, data_share=data_share)


def _trainer(
    recipe: Recipe, material: Material, arguments: dict[str, Any], parts: dict[str, Any]
) -> Trainer:
    match recipe.method:
        case Sft() as method:
            return sft.build(method, arguments, parts)
        case Dpo() as method:
            return dpo.build(method, arguments, parts)
        case Kto() as method:
            return kto.build(method, arguments, parts)
        case Grpo() as method:
            return grpo.build(method, arguments, parts, material.train["reference"])
        case _:
            assert_never(recipe.method)


def _batch(recipe: Recipe) -> int:
    """Return the samples in one optimizer step, however many processes share them."""
    method = recipe.method
    return method.per_device_train_batch_size * method.gradient_accumulation_steps


def _least(recipe: Recipe) -> int:
    """Return the fewest samples in a forward pass that the method works with."""
    return 2 if isinstance(recipe.method, Kto) else 1


def _arguments(
    recipe: Recipe, micro: int, folder: Path, samples: int, *, evaluate: bool
) -> dict[str, Any]:
    """Return what the arguments of every method's trainer have in common."""
    method = recipe.method
    batch = _batch(recipe)
    rows = samples * (method.num_generations if isinstance(method, Grpo) else 1)
    steps = max(1, math.ceil(math.ceil(rows / batch) * method.num_train_epochs))
    return {
        "output_dir": str(scratch_of(folder)),
        "learning_rate": method.learning_rate,
        "num_train_epochs": method.num_train_epochs,
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": batch // (micro * processes.number()),
        "lr_scheduler_type": method.lr_scheduler_type,
        "warmup_steps": method.warmup_steps,
        "weight_decay": method.weight_decay,
        "max_grad_norm": method.max_grad_norm,
        "seed": recipe.seed,
        "train_sampling_strategy": "sequential" if recipe.keeps_order else "random",
        # A run that its time limit stops early has seen few of its steps, and wants points too.
        "logging_steps": min(max(1, steps // LOSS_POINTS), MOST_STEPS_A_POINT),
        "logging_nan_inf_filter": False,  # it would hide a divergence
        "eval_strategy": "steps" if evaluate else "no",
        "eval_steps": max(1, math.ceil(steps / HELD_OUT_POINTS)),
        "save_strategy": "no",
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": has_bf16(),
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def _show(data: Materialised, tokenizer: Any, max_length: int) -> None:
    """Write the first samples to the log as the model is to learn them."""
    first = list(islice(read_materialised(data.train), SHOWN))
    for example in tokenise(first, tokenizer, max_length):
        sys.stdout.write(shown(example, tokenizer, before=GREEN, after=PLAIN) + "\n")


def shown(example: Example, tokenizer: Any, *, before: str, after: str) -> str:
    """Return an example as text, the tokens that the loss counts between two marks."""
    prompt, completion = tokenizer.decode(example.prompt), tokenizer.decode(example.completion)
    return f"{prompt}{before}{completion}{after}"
