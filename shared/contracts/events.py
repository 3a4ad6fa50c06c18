"""The ledger's events: everything that ever happened to a job.

A job's tree, budget, dashboard and report are views of its events. Events are never changed.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveInt, TypeAdapter

from shared.contracts.base import ExperimentId, JobId, Versioned, WorkId
from shared.contracts.choice import Choice
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft
from shared.contracts.work import Request, Result


class JobDrafted(Versioned):
    """A user handed over a job that leaves something open. Always the first event where it is."""

    kind: Literal["job_drafted"] = "job_drafted"

    job_id: JobId
    """Its name from now on."""

    draft: JobDraft
    """What was asked for, and what was left open."""


class JobSubmitted(Versioned):
    """A user handed over a job: the first event, or what follows an approved plan."""

    kind: Literal["job_submitted"] = "job_submitted"

    job_id: JobId
    """Its name from now on."""

    spec: JobSpec
    """What was asked for."""


class WorkOrdered(Versioned):
    """The planner asked a service for something."""

    kind: Literal["work_ordered"] = "work_ordered"

    work_id: WorkId
    """Names the work inside the job."""

    request: Request
    """What was asked for."""

    why: str
    """Why now, in one sentence."""

    choice: Choice | None = None
    """What the search weighed, when this is what it chose."""


class WorkLost(Versioned):
    """A worker went silent; the work is queued again."""

    kind: Literal["work_lost"] = "work_lost"

    work_id: WorkId
    """Which work."""

    attempt: PositiveInt
    """The attempt that was lost."""

    held_s: NonNegativeFloat
    """Seconds the lost worker had it."""


class WorkEnded(Versioned):
    """A service answered. Written at most once for each work, by the worker that holds it."""

    kind: Literal["work_ended"] = "work_ended"

    work_id: WorkId
    """Which work."""

    attempt: PositiveInt
    """The attempt that ended it."""

    result: Result
    """The answer."""


class CancelRequested(Versioned):
    """The user wants the job to stop."""

    kind: Literal["cancel_requested"] = "cancel_requested"


class JobEnded(Versioned):
    """Nothing more will happen. Always the last event."""

    kind: Literal["job_ended"] = "job_ended"

    how: Literal["finished", "cancelled", "failed"]
    """``failed`` means no experiment could be carried out at all."""

    reason: str
    """Why it ended, in one sentence."""

    best: ExperimentId | None
    """The experiment handed back; None when nothing scored above the base model."""


Event: TypeAlias = Annotated[
    JobDrafted | JobSubmitted | WorkOrdered | WorkLost | WorkEnded | CancelRequested | JobEnded,
    Field(discriminator="kind"),
]
"""One entry of the ledger."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
