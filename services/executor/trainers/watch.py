"""Watches a training: notes its curves, says where it stands, stops it when it must stop."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.executor.interruption import SECONDS, STATE
from services.executor.trainers.lowest import without_gain
from shared.contracts.run import LossPoint, Progress, RewardPoint, RunRequest, Stopped
from shared.errors import Diverged

LOSS_POINTS = 50
"""Most points a training curve is handed back with; more would tell no more."""

REWARDS = ("reward", "rewards/accuracies")
"""What GRPO and DPO log: an answer's mean reward; pairs in which the better answer is preferred."""

Say = Callable[[Progress], None]
Log = Sequence[dict[str, float]]


@dataclass(frozen=True, slots=True)
class Before:
    """What a run that goes on knows of its beginning."""

    log: Log = ()
    seconds: float = 0.0
    """That it took, if it was the same run."""


def read_before(folder: Path, *, same_run: bool) -> Before:
    """Return what was logged before a checkpoint, and how long it took if it was the same run."""
    state = TrainerState.load_from_json(str(folder / STATE))
    seconds = float((folder / SECONDS).read_text()) if same_run else 0.0
    return Before(state.log_history, seconds)


class Watch(TrainerCallback):
    """Tells of one training, has it saved now and then, and stops it when it must stop."""

    def __init__(
        self,
        request: RunRequest,
        say: Say,
        *,
        started: float,
        save_every_s: float,
        evaluates: bool,
        log: Log,
    ) -> None:
        self.curves = {name: _curve(log, name) for name in ("loss", "eval_loss", *REWARDS)}
        self.steps = 0
        self.stopped: Stopped | Literal["told"] = "done"
        self.kept_step: int | None = None
        """Step that the weights were set back to."""
        self._request, self._say, self._evaluates = request, say, evaluates
        self._started, self._save_every_s = started, save_every_s
        self._told_to_stop = False
        self._saved = time.monotonic()
        self._began, self._steps_before, self._tokens_before = math.nan, 0, 0

    @property
    def loss(self) -> float | None:
        """The latest training loss."""
        curve = self.curves["loss"]
        return curve[-1].loss if curve else None

    @property
    def rewards(self) -> tuple[RewardPoint, ...]:
        """Of a method that has rewards, what was logged of them; empty otherwise."""
        return tuple(
            RewardPoint(step=point.step, reward=min(1.0, max(0.0, point.loss)))
            for name in REWARDS
            for point in self.curves[name]
        )

    @property
    def overshot(self) -> bool:
        """Whether the run has ended and wants its weights of a lower held-out loss back."""
        patient = self._request.patience is not None and self.stopped not in ("rung", "diverged")
        return patient and self._without_gain > 0

    @property
    def known_good(self) -> int:
        """Steps after which the weights still gave a finite loss."""
        curve = self.curves["loss"]
        return curve[-1].step - 1 if curve else 0

    @contextmanager
    def heeding(self, stop: signal.Signals) -> Iterator[None]:
        """Inside, let the signal stop training after the present step. In the main thread only."""

        def told(*_: Any) -> None:
            self._told_to_stop = True

        before = signal.signal(stop, told)
        try:
            yield
        finally:
            signal.signal(stop, before)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        """Note where training begins."""
        self._began = time.monotonic()
        self._steps_before, self._tokens_before = state.global_step, _tokens(state)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Say where training stands, and have it saved or stopped where that is due."""
        self.steps = state.global_step
        last = max(1, math.ceil(self._request.step_share * state.max_steps - 1e-9))
        if state.global_step < state.max_steps:
            self._stop_or_save(self._why_stop(state, last), control)
        self._say(self._progress(state, last))

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop training whose held-out loss has not fallen for long enough."""
        patience = self._request.patience
        goes_on = self.stopped == "done" and state.global_step < state.max_steps
        if goes_on and patience is not None and self._without_gain >= patience:
            self.stopped, control.should_training_stop = "patience", True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Note beside what was saved how long the run had taken."""
        assert args.output_dir is not None
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (folder / SECONDS).write_text(str(self._seconds()))
        self._saved = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Note the curves.

        Raises:
            Diverged: one is NaN or infinite.
        """
        for name, curve in self.curves.items():
            if not logs or name not in logs:
                continue
            value = float(logs[name])
            if not math.isfinite(value):
                raise Diverged(
                    f"wanted a finite loss, found {value} at step {state.global_step} of "
                    f"{state.max_steps}; lower learning_rate (now {args.learning_rate:g}) or "
                    "lengthen warm-up"
                )
            curve.append(LossPoint(step=state.global_step, loss=value))

    @property
    def _without_gain(self) -> int:
        return without_gain(self.curves["eval_loss"])

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _why_stop(self, state: TrainerState, last: int) -> Stopped | Literal["told"]:
        """Return why training ends after this step, ``done`` while it goes on."""
        request = self._request
        if state.global_step >= last:
            return "rung"
        if self._told_to_stop:
            return "told"
        if self._seconds() > request.limit_s:
            return "time"
        if request.limit_tokens is not None and _tokens(state) >= request.limit_tokens:
            return "tokens"
        return "done"

    def _stop_or_save(self, why: Stopped | Literal["told"], control: TrainerControl) -> None:
        self.stopped = why
        late = time.monotonic() - self._saved > self._save_every_s
        control.should_save = late or why in ("rung", "told")
        if why == "done":
            return
        control.should_training_stop = True
        if why != "told":  # which goes on elsewhere as if nothing had been
            control.should_log = True
            control.should_evaluate = self._evaluates

    def _progress(self, state: TrainerState, last: int) -> Progress:
        taken_s = time.monotonic() - self._began
        pace_s = taken_s / (state.global_step - self._steps_before)
        return Progress(
            phase="training",
            step=state.global_step,
            steps=last,
            loss=self.loss,
            tokens_per_s=(_tokens(state) - self._tokens_before) / max(taken_s, 1e-6),
            eta_s=max(0.0, pace_s * (last - state.global_step)),
        )


def thinned(curve: Sequence[LossPoint], most: int) -> tuple[LossPoint, ...]:
    """Return at most ``most`` points: the means of equally long windows, at their last steps."""
    window = math.ceil(len(curve) / most)
    windows = [curve[at : at + window] for at in range(0, len(curve), window)]
    return tuple(
        LossPoint(step=w[-1].step, loss=math.fsum(p.loss for p in w) / len(w)) for w in windows
    )


def _curve(log: Log, name: str) -> list[LossPoint]:
    return [LossPoint(step=int(at["step"]), loss=at[name]) for at in log if name in at]


def _tokens(state: TrainerState) -> int:
    return int(state.num_input_tokens_seen)
