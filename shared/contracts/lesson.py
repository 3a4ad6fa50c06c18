"""A lesson: what one finished experiment taught."""

from typing import Literal

from pydantic import Field, NonNegativeFloat

from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from shared.contracts.score import Score


class DiagnoseRequest(Versioned):
    """Say what an experiment taught."""

    kind: Literal["diagnose"] = "diagnose"

    job_id: JobId
    """Which job."""

    experiment: ExperimentId
    """The experiment to explain."""

    recipe: Recipe
    """What was done."""

    changed: tuple[str, ...]
    """What differs from the parent."""

    outcome: Trained | Failed = Field(discriminator="kind")
    """How the run ended; a scoring that failed is a failed run here."""

    score: Score | None
    """What was measured on dev; None after a failure."""

    parent: ExperimentId
    """What it was derived from."""

    parent_score: Score | None
    """The parent's score on dev; None if it has none."""


class Lesson(Contract):
    """What one finished experiment taught."""

    kind: Literal["lesson"] = "lesson"

    verdict: Literal["better", "worse", "same", "failed"]
    """Against the parent, on the same items; ``same`` when the difference is within its doubt."""

    fit: Literal["underfitting", "overfitting", "healthy", "unknown"]
    """What the loss curves say."""

    effect: float | None
    """Score minus the parent's score; None when either is missing."""

    effect_stderr: NonNegativeFloat | None
    """Standard error of the paired difference."""

    sentence: str
    """What happened, why, and what to try, in one sentence."""
