"""What a task is: where its data come from, what a model is asked, how an answer is judged.

A task is a value: `Task` holds plain functions, and every folder below `ftbench.tasks` defines one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ftbench.metrics.sums import Metric
from ftbench.sources import Files, Source


class Split(StrEnum):
    """Which side of the wall an item is on. Only train ever leaves this package."""

    TRAIN = "train"
    """To learn from."""
    DEV = "dev"
    """To choose with: scores while searching, and bad cases."""
    CONFIRM = "confirm"
    """To check the chosen with, a few times."""
    TEST = "test"
    """To report on, once."""


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    """``system``, ``user`` or ``assistant``."""
    content: str

    def as_dict(self) -> dict[str, str]:
        """Return the turn as chat templates and OpenAI-compatible servers want it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Item:
    """One question, with what it takes to judge an answer to it."""

    id: str
    """Unique in its task and the same wherever the data come from, for example ``3-1/17``."""

    split: Split

    published: bool
    """Whether the authors of the benchmark score it; what they publish is a mean over these."""

    group: str
    """Items of one group share a source: never on two sides of a split, resampled together."""

    messages: tuple[Message, ...]
    """What a model reads before it answers."""

    answer: str | None
    """The published answer, written as a model should write it; None where none is published."""

    record: Mapping[str, Any]
    """The published row: what the answer is compared with."""

    subtask: str = ""
    """The part of the task it belongs to; empty where a task has no parts."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one answer earned."""

    value: float
    """The item's own score, at most 1.0; higher is better."""

    counts: Mapping[str, float]
    """What the task's metrics are made of, to be summed over items."""

    parsed: str | None
    """What was read out of the answer; None when nothing could be."""


class Judge(Protocol):
    """Judges one answer. Never raises: whatever a model says is right or wrong."""

    def __call__(self, item: Item, answer: str, *, strict: bool) -> Judged:
        """Compare an answer with the item's record.

        ``strict`` copies the published scorer where the default mends a fault of it.
        """


Baseline = Callable[[Sequence[Item], Sequence[Item]], list[str]]
"""From the items of train (none for many tasks) and the items to answer to an answer for each."""

PredictionReader = Callable[[Path, Sequence[Item]], dict[str, str]]
"""From a path and a task's items to answers by item id: the form a benchmark's authors publish."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task's items, and what a user should know about how they came to be."""

    items: Sequence[Item]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One of the ten."""

    name: str
    title: str
    measures: str
    """What it takes to do well, in half a sentence."""

    source: Source
    load: Callable[[Files], Loaded]
    judge: Judge

    metric: str
    """Which of `metrics` is the task's one number."""

    metrics: Mapping[str, Metric]
    """Each from sums of counts to a number; higher is better. 1.0 is perfect, but for published
    formulas that say otherwise; the README of the task names them."""

    baselines: Mapping[str, Baseline]
    """What it takes to get a score without any skill."""

    max_new_tokens: int
    """Tokens an answer may have."""

    references: Mapping[str, float] = field(default_factory=dict)
    """Published results of `metric` by model, in its unit."""

    trex: float | None = None
    """What the TREX paper reports, in the unit of `metric`; its exact setting is unknown."""

    g_trex: float | None = None
    """The relative gain that the TREX paper reports; 1.0 closes the gap to its reference model."""

    read_predictions: PredictionReader | None = None
    """Reads predictions as the benchmark's authors publish them."""
