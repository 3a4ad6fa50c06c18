"""A brief: what the researcher learnt about the job before the first experiment."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeInt, PositiveInt

from shared.contracts.base import Contract, JobId, Versioned
from shared.contracts.capabilities import Capabilities
from shared.contracts.counsel import Caps, Counsel
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

    caps: Caps = Caps()
    """What a language model may cost the whole job."""


TaskType: TypeAlias = Literal[
    "classification",
    "extraction",
    "question_answering",
    "reasoning",
    "summarisation",
    "translation",
    "rewriting",
    "generation",
    "dialogue",
    "code",
    "tool_use",
    "other",
]
"""What kind of answer is wanted; lessons of earlier jobs are looked up by it."""


class Requirements(Contract):
    """What a job asks for, as the researcher understands it."""

    output_format: str
    """What a right answer looks like."""

    success: str
    """What makes an answer good, and how the metric sees that."""

    constraints: tuple[str, ...] = ()
    """What must be kept to, a sentence each."""

    risks: tuple[str, ...] = ()
    """What may go wrong, a sentence each."""

    missing: tuple[str, ...] = ()
    """What the user did not say and may want to, a sentence each."""


class Source(Contract):
    """Something the brief relies on, cited as ``[number]``."""

    number: PositiveInt
    """Its place in the list, counted from 1."""

    kind: Literal["paper", "document", "dataset"]
    """A publication, a file of the user's library, or a data set."""

    title: str
    """Its title."""

    where: str
    """Its address, or its path in the library."""

    year: PositiveInt | None = None
    """When it was published; None when unknown."""

    said: str
    """What is taken from it, in a sentence or two."""


class DatasetFound(Contract):
    """A data set that might be trained on besides the user's rows."""

    source: PositiveInt
    """Its number among the sources."""

    name: str
    """Its id on the hub, or its name in the catalogue."""

    licence: str | None
    """As its publisher says; None when nothing is said."""

    rows: NonNegativeInt | None
    """How many; None when unknown."""

    columns: tuple[str, ...] = ()
    """Of its rows, in their order."""

    samples: tuple[str, ...] = Field(default=(), max_length=5)
    """A few rows as JSON, each cut to 300 characters."""

    contamination: str
    """How likely it is to hold the items that the job is scored on, and why, in one sentence."""


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

    task_type: TaskType = "other"
    """What kind of answer is wanted."""

    requirements: Requirements | None = None
    """What the job asks for; None where no language model was asked."""

    sources: tuple[Source, ...] = ()
    """What ``document`` cites, in order of their numbers."""

    datasets: tuple[DatasetFound, ...] = ()
    """What might be trained on besides the user's rows."""

    document: str = ""
    """The brief as a Markdown document that cites its sources; empty where there is none."""

    counsel: Counsel | None = None
    """What a language model had to do with it; None when none was asked."""


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

    adapters_only: bool = False
    """Whether no evaluator that was alive could score a model whose weights were all trained."""
