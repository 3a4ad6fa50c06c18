"""A score: what the evaluator measured, with its doubt."""

import math
from statistics import stdev
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.job import Mapping, MetricName

UnitFloat = Annotated[float, Field(ge=0.0, le=1.0)]


class ScoreRequest(Versioned):
    """Measure how good a model is on one split."""

    kind: Literal["score"] = "score"

    job_id: JobId
    """Whose model it is."""

    experiment: ExperimentId
    """The node that the score belongs to."""

    checkpoint: str
    """Folder of an adapter or of a whole model; the base model's name for the base itself."""

    base_model: str
    """What the checkpoint was trained from."""

    data: str
    """Path of the rows to answer, or ``ftbench:TASK/SPLIT``."""

    data_sha256: str | None
    """Of the rows when they were scored before; another file is not the same items."""

    split: Literal["dev", "test"]
    """Bad cases are returned for dev only."""

    mapping: Mapping
    """How a row becomes a prompt and its reference answer."""

    metric: MetricName
    """How an answer is judged."""

    max_new_tokens: PositiveInt
    """Tokens an answer may have."""


class BadCase(Contract):
    """An item that the model got wrong, for diagnosis."""

    prompt: str
    """What was asked, cut to 500 characters."""

    expected: str
    """The reference answer, cut to 200 characters."""

    got: str
    """The model's answer, cut to 200 characters."""


class Score(Contract):
    """What the evaluator measured, in the metric's own unit."""

    kind: Literal["score"] = "score"

    metric: MetricName
    """How answers were judged."""

    split: Literal["dev", "test"]
    """On which rows."""

    data_sha256: str
    """Of the rows: only scores on the same rows can be compared."""

    value: UnitFloat
    """Higher is better; the mean over the items, unless the metric of a task is no mean."""

    stderr: NonNegativeFloat | None
    """Standard error of ``value``; None for a single item."""

    items: tuple[UnitFloat, ...]
    """The score of each item, in the order of the data, for paired comparisons."""

    bad_cases: tuple[BadCase, ...] = Field(max_length=20)
    """Up to 20 of the worst items below full marks; empty for the test split."""

    empty_share: UnitFloat
    """Answers with nothing in them. Near 1 the model is broken rather than wrong."""

    cut_share: UnitFloat
    """Answers that reached ``max_new_tokens`` before they ended."""

    engine: str
    """What generated the answers, for example ``transformers 5.23.0 cpu``."""

    seconds: NonNegativeFloat
    """Wall-clock seconds of loading and answering."""

    @property
    def n(self) -> int:
        """How many items were measured."""
        return len(self.items)


def paired_difference(a: Score, b: Score) -> tuple[float, float | None]:
    """Return how much better ``a`` is than ``b``, and the standard error (None for one item).

    Pairing removes what makes items hard for both models, so the error is smaller than that of two
    separate means. It is the error of a mean over items, and approximate for a metric that is none.

    Raises:
        ValueError: the scores are not on the same rows.
    """
    if a.data_sha256 != b.data_sha256 or a.n != b.n:
        raise ValueError(f"scores on different rows cannot be paired ({a.n} and {b.n} items)")
    differences = [x - y for x, y in zip(a.items, b.items, strict=True)]
    stderr = stdev(differences) / math.sqrt(a.n) if a.n > 1 else None
    return a.value - b.value, stderr
