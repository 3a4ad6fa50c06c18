"""Supervised fine-tuning of one recipe with TRL, in the process that calls it."""

import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.utils import logging as transformers_logging
from trl import SFTConfig, SFTTrainer

from services.executor.chat_tokens import Example, tokenise
from services.executor.gates import shown, trainable
from services.executor.operators.sample import sample
from services.executor.pipeline import Materialised, read_materialised
from shared.contracts.recipe import FullTuning, Lora, Recipe
from shared.contracts.run import LossPoint, Progress, Trained
from shared.errors import Diverged, TrainingFailed

LOSS_POINTS = 50
"""Most points a training curve is handed back with; more would tell no more."""

MOST_STEPS_A_POINT = 20
"""Steps between two points of a training curve while it is being measured."""

HELD_OUT_POINTS = 4
"""Points a held-out curve has; each costs a pass over the held-out samples."""

SHOWN = 3
"""Samples that the log shows as they are trained on, what the loss counts in green."""

GREEN, PLAIN = "\x1b[32m", "\x1b[0m"

Say = Callable[[Progress], None]


def train_sft(
    recipe: Recipe,
    data: Materialised,
    folder: Path,
    *,
    limit_s: float,
    say: Say,
    step_share: float = 1.0,
    data_share: float = 1.0,
    resume_from: Path | None = None,
) -> Trained:
    """Train a recipe and return the outcome; its checkpoint is ``folder``.

    The checkpoint appears complete or not at all. A run that goes on from where another stopped
    ends as that one would have: the same order of samples, schedule and optimizer.

    Args:
        recipe: what to do.
        data: its samples.
        folder: does not exist yet.
        limit_s: seconds after which training stops and saves what it has.
        say: told where training stands, a few times a second at most.
        step_share: of the schedule's steps; with less than 1 the checkpoint has a folder beside it
            from which the run can go on.
        data_share: of the samples, with a whole schedule of its own.
        resume_from: such a folder. When it is gone, the run starts again and says so.

    Raises:
        DataFailed: the base model has no chat template, or a sample cannot be tokenised.
        TrainingFailed: the base model cannot be loaded, or memory ran out.
        Diverged: the loss became NaN or infinite.
    """
    started = time.monotonic()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    say(Progress(phase="tokenising"))
    tokenizer = _loaded(AutoTokenizer, recipe.base_model)
    max_length = recipe.method.max_length
    samples = sample(read_materialised(data.train), share=data_share, seed=recipe.seed)
    examples, tokenised = trainable(
        tokenise(list(samples), tokenizer, max_length), tokenizer, max_length
    )
    for example in examples[:SHOWN]:
        sys.stdout.write(f"{shown(example, tokenizer, before=GREEN, after=PLAIN)}\n")
    train = _dataset(examples)
    held_out = data.held_out and _dataset(
        tokenise(list(read_materialised(data.held_out)), tokenizer, max_length)
    )
    if resume_from is not None and not (resume_from / TRAINER_STATE_NAME).is_file():
        say(Progress(phase=f"starting again, for {resume_from.name} is gone"))
        resume_from = None

    def fit(micro: int) -> tuple[SFTTrainer, _Watch] | str:
        """Train with so many samples in a forward pass; return what was said when memory ran out.

        A function of its own, so that what it held is free before the next attempt.
        """
        set_seed(recipe.seed)
        say(Progress(phase="loading the base model"))
        watch = _Watch(
            say,
            deadline=started + limit_s,
            evaluates=held_out is not None,
            share=step_share,
            before=_log_of(resume_from),
        )
        try:
            trainer = _Trainer(
                model=_loaded(AutoModelForCausalLM, recipe.base_model, dtype=_dtype()),
                args=_arguments(recipe, micro, folder, len(train), evaluate=held_out is not None),
                train_dataset=train,
                eval_dataset=held_out,
                processing_class=tokenizer,
                peft_config=_adapter(recipe),
                callbacks=[watch],
            )
            trainer.train(resume_from_checkpoint=None if resume_from is None else str(resume_from))
        except torch.OutOfMemoryError as error:
            return str(error)
        return trainer, watch

    micro = recipe.method.per_device_train_batch_size
    while isinstance(fitted := fit(micro), str):
        smaller = smaller_micro_batch(micro)
        if smaller is None:
            raise TrainingFailed(
                f"wanted memory for one sample at a time, found too little ({fitted}); lower "
                "max_length or train an adapter"
            )
        say(Progress(phase=f"starting again with {smaller} samples at a time instead of {micro}"))
        micro = smaller
        torch.cuda.empty_cache()
    trainer, watch = fitted
    say(Progress(phase="saving", step=watch.steps, steps=watch.steps, loss=watch.loss))
    resume = _save(trainer, folder, to_go_on=watch.stopped == "rung")
    return Trained(
        checkpoint=str(folder),
        train_loss=watch.train_curve[-1].loss,
        train_curve=thinned(watch.train_curve, LOSS_POINTS),
        held_out_curve=tuple(watch.held_out_curve),
        rows=data.rows,
        tokenised=tokenised,
        micro_batch=micro,
        steps=watch.steps,
        tokens=watch.tokens_seen(trainer),
        stopped=watch.stopped,
        resume=resume,
        gpu_seconds=(time.monotonic() - started) * _devices(),
    )


def smaller_micro_batch(micro: int) -> int | None:
    """Return the largest proper divisor, so that a step still holds as many samples; None of 1."""
    return next((one for one in range(micro // 2, 0, -1) if micro % one == 0), None)


def thinned(curve: Sequence[LossPoint], most: int) -> tuple[LossPoint, ...]:
    """Return at most ``most`` points: the means of equally long windows, at their last steps."""
    window = math.ceil(len(curve) / most)
    windows = [curve[at : at + window] for at in range(0, len(curve), window)]
    return tuple(
        LossPoint(step=w[-1].step, loss=math.fsum(p.loss for p in w) / len(w)) for w in windows
    )


class _Trainer(SFTTrainer):
    """Draws the order of each epoch from the seed and the epoch's number alone.

    What has been trained before does not matter then, so a resumed run reads what it would have.
    Samples of about one length stand together: that pads less, and batches still come at random.
    The very longest come first: whether memory suffices shows at the first step.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> LengthGroupedSampler:
        trainer = self

        class Order(LengthGroupedSampler):
            def __iter__(self) -> Iterator[int]:
                epoch = int((trainer.state.epoch or 0.0) + 1e-6)
                seed = trainer.args.seed * 1_000_003 + epoch
                self.generator = torch.Generator().manual_seed(seed)
                order: Iterator[int] = super().__iter__()
                return order

        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return Order(batch, lengths=[len(ids) for ids in rows["input_ids"]])


class _Watch(TrainerCallback):
    """Notes the curves, says where training stands, stops it when it is time or the loss lost."""

    def __init__(
        self,
        say: Say,
        *,
        deadline: float,
        evaluates: bool,
        share: float,
        before: Sequence[dict[str, float]],
    ) -> None:
        self.train_curve = _curve(before, "loss")
        self.held_out_curve = _curve(before, "eval_loss")
        self.steps = 0
        self.loss: float | None = None
        self.stopped: Literal["done", "time", "rung"] = "done"
        self._say = say
        self._evaluates = evaluates
        self._deadline = deadline
        self._share = share
        self._began, self._steps_before, self._tokens_before = math.nan, 0, 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        self._began = time.monotonic()
        self._steps_before, self._tokens_before = state.global_step, self._tokens(state)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        now = time.monotonic()
        self.steps = state.global_step
        last = max(1, math.ceil(self._share * state.max_steps - 1e-9))
        if state.global_step >= last and last < state.max_steps:
            self.stopped = "rung"
            control.should_save = True
        elif now > self._deadline and state.global_step < state.max_steps:
            self.stopped = "time"
        if self.stopped != "done":
            control.should_training_stop = True
            control.should_log = True
            control.should_evaluate = self._evaluates
        pace_s = (now - self._began) / (state.global_step - self._steps_before)
        self._say(
            Progress(
                phase="training",
                step=state.global_step,
                steps=last,
                loss=self.loss,
                tokens_per_s=(self._tokens(state) - self._tokens_before)
                / max(now - self._began, 1e-6),
                eta_s=max(0.0, pace_s * (last - state.global_step)),
            )
        )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        for name, curve in (("loss", self.train_curve), ("eval_loss", self.held_out_curve)):
            if logs and name in logs:
                loss = float(logs[name])
                if not math.isfinite(loss):
                    raise Diverged(
                        f"wanted a finite loss, found {loss} at step {state.global_step} of "
                        f"{state.max_steps}; lower learning_rate (now {args.learning_rate:g}) or "
                        "lengthen warm-up"
                    )
                curve.append(LossPoint(step=state.global_step, loss=loss))
        if self.train_curve:
            self.loss = self.train_curve[-1].loss

    def tokens_seen(self, trainer: SFTTrainer) -> int:
        return self._tokens(trainer.state)

    @staticmethod
    def _tokens(state: TrainerState) -> int:
        return int(state.num_input_tokens_seen)


def _loaded(kind: Any, base_model: str, **how: Any) -> Any:
    try:
        return kind.from_pretrained(base_model, **how)
    except (OSError, ValueError) as error:
        raise TrainingFailed(
            f"wanted a transformers model and its tokenizer at {base_model!r}, found none "
            f"({str(error).splitlines()[0]}); correct base_model"
        ) from None


def _log_of(resume_from: Path | None) -> list[dict[str, float]]:
    """Return what the part of the run before had logged."""
    if resume_from is None:
        return []
    state = TrainerState.load_from_json(str(resume_from / TRAINER_STATE_NAME))
    log: list[dict[str, float]] = state.log_history
    return log


def _curve(log: Sequence[dict[str, float]], name: str) -> list[LossPoint]:
    return [LossPoint(step=int(at["step"]), loss=at[name]) for at in log if name in at]


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "completion_mask": [example.completion_mask for example in examples],
        }
    )


def _arguments(
    recipe: Recipe, micro: int, folder: Path, samples: int, *, evaluate: bool
) -> SFTConfig:
    method = recipe.method
    batch = method.per_device_train_batch_size * method.gradient_accumulation_steps
    steps = max(1, math.ceil(math.ceil(samples / batch) * method.num_train_epochs))
    return SFTConfig(
        output_dir=str(folder.with_name(f"{folder.name}.trainer")),
        learning_rate=method.learning_rate,
        num_train_epochs=method.num_train_epochs,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=batch // micro,
        lr_scheduler_type=method.lr_scheduler_type,
        warmup_steps=method.warmup_steps,
        weight_decay=method.weight_decay,
        max_grad_norm=method.max_grad_norm,
        max_length=method.max_length,
        completion_only_loss=True,
        seed=recipe.seed,
        # A run that its time limit stops early has seen few of its steps, and wants points too.
        logging_steps=min(max(1, steps // LOSS_POINTS), MOST_STEPS_A_POINT),
        logging_nan_inf_filter=False,  # it would hide a divergence
        eval_strategy="steps" if evaluate else "no",
        eval_steps=max(1, math.ceil(steps / HELD_OUT_POINTS)),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        bf16=_bf16(),
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        include_num_input_tokens_seen="non_padding",
    )


def _adapter(recipe: Recipe) -> LoraConfig | None:
    match recipe.adapter:
        case FullTuning():
            return None
        case Lora() as lora:
            return LoraConfig(
                r=lora.r,
                lora_alpha=lora.lora_alpha,
                lora_dropout=lora.lora_dropout,
                use_rslora=lora.use_rslora,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            )


def _save(trainer: SFTTrainer, folder: Path, *, to_go_on: bool) -> str | None:
    """Write the checkpoint, and beside it what the run can go on from; return where that is."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    trainer.save_model(str(partial))
    scratch = folder.with_name(f"{folder.name}.trainer")
    resume = folder.with_name("resume") if to_go_on else None
    if resume is not None:
        shutil.rmtree(resume, ignore_errors=True)
        (scratch / f"checkpoint-{trainer.state.global_step}").rename(resume)
    shutil.rmtree(scratch, ignore_errors=True)
    partial.rename(folder)
    return None if resume is None else str(resume)


def _dtype() -> torch.dtype:
    return torch.bfloat16 if _bf16() else torch.float32


def _bf16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _devices() -> int:
    return max(1, torch.cuda.device_count())
