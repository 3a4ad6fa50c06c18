"""A lesson: what one finished experiment taught."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.brief import TaskType
from shared.contracts.counsel import Caps, Counsel
from shared.contracts.job import MetricName
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

    parent_recipe: Recipe | None = None
    """What the parent did; None of the base model."""

    goal: str = ""
    """What the user wants."""

    task_type: TaskType = "other"
    """What kind of answer is wanted."""

    metric: MetricName | None = None
    """How answers are judged; None where nobody said."""

    base_parameters: PositiveInt | None = None
    """Weights of the base model; None when unknown."""

    caps: Caps = Caps()
    """What a language model may cost the whole job."""


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

    cause: str | None = None
    """Why it came out so, as a language model sees it; None where none was asked."""

    confidence: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """How sure the model is of that cause."""

    counsel: Counsel | None = None
    """What a language model had to do with it; None when none was asked."""


class BankedLesson(Versioned):
    """What one experiment taught that jobs to come may want to know: one factor and its effect."""

    id: str = Field(min_length=1)
    """Names it everywhere: ``JOB/EXPERIMENT/FACTOR``."""

    job_id: JobId
    """Where the evidence is."""

    experiment: ExperimentId
    """Which node of that job's tree."""

    task_type: TaskType
    """What kind of answer was wanted."""

    metric: MetricName
    """How answers were judged."""

    base_model: str
    """What was fine-tuned."""

    base_family: str
    """Its architecture, such as ``qwen3``; ``unknown`` when it could not be told."""

    base_parameters: PositiveInt | None
    """Its weights; None when unknown."""

    factor: str
    """What was changed, for example ``learning_rate`` or ``deduplicate``."""

    before: str
    """Its value in the parent's recipe."""

    after: str
    """Its value in this one."""

    toward: str
    """``up`` or ``down`` of what is ordered, else the new value."""

    alone: bool
    """Whether nothing else was changed, so that the effect is this factor's own."""

    effect: float | None
    """Score minus the parent's, on the same items; None of a run that failed."""

    effect_stderr: NonNegativeFloat | None
    """Standard error of the paired difference; None when unknown."""

    cause: str
    """Why, in a sentence."""

    at: float
    """When it was learnt: seconds since 1970."""

    note: str | None = None
    """What a person has added."""

    ignored: bool = False
    """Whether a person wants it to be passed over."""


class Remark(Contract):
    """What a person says about a banked lesson; a field that is not given stays as it was."""

    note: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """What to know beside it; None takes away what was said."""

    ignored: bool = False
    """Whether it is to be passed over."""
