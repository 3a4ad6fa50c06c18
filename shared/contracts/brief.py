"""A brief: what the researcher learnt about the job before the first experiment."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from shared.contracts.base import Contract, JobId, Versioned
from shared.contracts.capabilities import Capabilities
from shared.contracts.job import Limits, MetricName
from shared.contracts.mapping import Mapping


class BriefRequest(Versioned):
    """Study the job. Holds the training data only."""

    kind: Literal["brief"] = "brief"

    job_id: JobId
    """Which job."""

    goal: str
    """What the user wants."""

    base_model: str
    """What is to be fine-tuned."""

    train: str
    """Path of the training rows."""

    mapping: Mapping
    """How a row becomes a conversation."""

    metric: MetricName
    """How answers will be judged."""


class Brief(Contract):
    """What the researcher learnt about the job."""

    kind: Literal["brief"] = "brief"

    summary: str
    """One paragraph a person would want to read."""

    train_sha256: str
    """Of the training file's bytes, so that recipes name exactly this data."""

    rows: PositiveInt
    """Training rows that can be mapped."""

    duplicate_share: Annotated[float, Field(ge=0.0, lt=1.0)]
    """Rows whose prompt was seen before."""

    prompt_chars_p95: NonNegativeInt
    """95th percentile of the prompts' lengths, in characters."""

    completion_chars_p95: NonNegativeInt
    """95th percentile of the completions' lengths, in characters."""

    base_parameters: PositiveInt | None
    """Weights of the base model, counted from its safetensors headers; None when not at hand."""

    labels: NonNegativeInt
    """Distinct completions when there are few enough to be labels (at most 50), else 0."""


class ProposalContext(Contract):
    """What a proposer must keep to, from the job."""

    goal: str
    """What the user wants."""

    base_model: str
    """What is to be fine-tuned."""

    train: str
    """Path of the training rows."""

    mapping: Mapping
    """How a row becomes a conversation."""

    metric: MetricName
    """How answers are judged."""

    limits: Limits
    """What one experiment may cost."""

    seed: NonNegativeInt
    """Makes the same job draw the same proposals."""

    machines: tuple[Capabilities, ...] = ()
    """What executors that were alive can train, each kind once; empty when none had said."""
