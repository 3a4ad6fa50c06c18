"""A plan: what a job that left things open would do, for its user to approve."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from shared.contracts.base import Contract, JobId, Versioned
from shared.contracts.brief import Requirements, TaskType
from shared.contracts.capabilities import Capabilities
from shared.contracts.counsel import Caps, Counsel
from shared.contracts.grader import Grader
from shared.contracts.job import (
    Baselines,
    Budget,
    Limits,
    MetricName,
    Search,
    sealed_split,
)
from shared.contracts.mapping import Mapping


class JobDraft(Versioned):
    """A job of which something is left open: metric, base model, or rows to score on."""

    goal: str = Field(min_length=1)
    """What the user wants, in a sentence."""

    train: str
    """Path of the rows to learn from, as of `shared.contracts.job.JobData`."""

    mapping: Mapping
    """How a row becomes a conversation."""

    base_model: str | None = Field(default=None, min_length=1)
    """A folder with a transformers model, or a hub id; None asks for a proposal."""

    metric: MetricName | None = None
    """How an answer is judged; None asks for a proposal."""

    grader: Grader | None = None
    """With metric ``grader`` or none; None with that metric asks for a proposal."""

    dev: str | None = None
    """Rows to score on while searching; None asks how many training rows to set aside."""

    confirm: str | None = None
    """Rows that only finalists are scored on; likewise."""

    test: str | None = None
    """Rows opened once, at the end; likewise."""

    options: tuple[str, ...] = ()
    """As of `shared.contracts.job.JobSpec`, like all that follows."""

    baselines: Baselines = Baselines()
    """What the best is compared with."""

    guards: tuple[str, ...] | None = None
    """Side tasks that must not get worse."""

    budget: Budget
    """What may be spent."""

    limits: Limits = Limits()
    """What one experiment may cost."""

    search: Search = Search()
    """How the tree grows."""

    seed: NonNegativeInt = 0
    """Makes the same job draw the same proposals."""

    weight: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Share of the executors beside other jobs."""

    @model_validator(mode="after")
    def _grader_goes_with_its_metric(self) -> Self:
        if self.grader is not None and self.metric not in (None, MetricName.GRADER):
            raise ValueError("a grader goes with metric grader, or with none named")
        return self

    @model_validator(mode="after")
    def _rows_are_the_users(self) -> Self:
        named = [one for one in (self.dev, self.confirm, self.test) if one is not None]
        if self.metric is MetricName.FTBENCH or any(map(sealed_split, named)):
            raise ValueError(
                "a task of FT-Bench leaves neither metric nor rows open; submit it as a job"
            )
        return self


class PlanRequest(Versioned):
    """Say what a draft leaves open, and what it asks for. Holds the training data only."""

    kind: Literal["plan"] = "plan"

    job_id: JobId
    """Which job it is to become."""

    draft: JobDraft
    """What the user said."""

    machines: tuple[Capabilities, ...] = ()
    """What executors that were alive can train, each kind once; empty when none had said."""

    caps: Caps = Caps()
    """What a language model may cost the whole job."""


class Choice(Contract):
    """Something that the draft left open, and what is proposed for it."""

    field: Literal["metric", "grader", "base_model", "dev", "confirm", "test"]
    """What it is."""

    value: str
    """What is proposed: of rows, the share of the training rows to set aside, such as ``0.1``; of a
    grader its contract as JSON."""

    reason: str
    """Why, in one sentence."""


class Plan(Contract):
    """What a job would do, for its user to approve."""

    kind: Literal["plan"] = "plan"

    task_type: TaskType
    """What kind of answer is wanted."""

    requirements: Requirements
    """What the job asks for, as the researcher understands it."""

    choices: tuple[Choice, ...]
    """One for each thing that was left open."""

    rows: PositiveInt
    """Training rows that can be mapped."""

    run_s: NonNegativeFloat | None = None
    """Seconds that a full run should take; None when nothing like it was measured."""

    counsel: Counsel | None = None
    """What a language model had to do with it; None when none was asked."""
