"""Tells of training leg by leg: up to an evaluation, a save, or a minute, whichever comes first.

A span is sent when it ends. One over hours would say nothing until then, and nothing at all of a
run that was killed.
"""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from opentelemetry.trace import Span
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from shared.telemetry.spans import span

LEG_S = 60.0
"""Seconds after which a leg ends with the next step."""


class Legs(TrainerCallback):
    """Tells of what is trained while its block runs."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._began = 0.0
        self._step = 0
        self._leg: Span | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        """Begin the first leg."""
        self._begin(state)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin another leg if this one was long."""
        if time.monotonic() - self._began > LEG_S:
            self._next(state, control)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the leg that led to an evaluation; that is its last part."""
        self._next(state, control)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the leg that led to a save, likewise."""
        self._next(state, control)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Note a point of the curves."""
        if self._leg is not None and logs:
            point: dict[str, float] = {"trex.step": state.global_step}
            point |= {f"trex.{name}": logs[name] for name in ("loss", "eval_loss") if name in logs}
            self._leg.add_event("log", point)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        """End the last leg."""
        self._end(state)

    def _next(self, state: TrainerState, control: TrainerControl) -> None:
        if control.should_training_stop or state.global_step >= state.max_steps:
            return  # what is due after the last step belongs to the last leg
        self._end(state)
        self._begin(state)

    def _begin(self, state: TrainerState) -> None:
        self._began, self._step = time.monotonic(), state.global_step
        self._leg = self._open.enter_context(span("train", {"trex.step.first": self._step + 1}))

    def _end(self, state: TrainerState) -> None:
        if self._leg is None:
            return
        self._leg.set_attribute("trex.step.last", state.global_step)
        self._leg = None
        self._open.close()
