"""A job that leaves something open, until its user approves a plan: its state, and what is next.

Pure. From the approval on it is a job like any other, and `services.planner.state` has the word.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from services.planner.advice import Advice
from services.planner.decide import Act, CancelWork, End
from services.planner.orders import Order
from services.planner.state import JobState, opened
from shared.contracts.base import JobId
from shared.contracts.capabilities import Capabilities
from shared.contracts.counsel import Caps
from shared.contracts.events import (
    CancelRequested,
    JobDrafted,
    JobEnded,
    JobSubmitted,
    WorkEnded,
    WorkOrdered,
)
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft, Plan, PlanRequest
from shared.contracts.run import Failed
from shared.errors import Rejected
from shared.store import PLAN, Entry


@dataclass(slots=True)
class DraftState:
    """A draft after some of its entries. Grows with `apply`; never changed otherwise."""

    job_id: JobId
    draft: JobDraft
    drafted_at: float
    cursor: str
    """Id of the last entry applied."""
    ordered: bool = False
    """Whether a plan was asked for."""
    plan: Plan | Failed | None = None
    advice: Advice = field(default_factory=Advice)
    """What the researcher's language model had to do with the plan."""
    cancel_requested: bool = False
    ended: JobEnded | None = None
    ended_at: float | None = None

    @property
    def in_flight(self) -> bool:
        """Whether the plan is under way."""
        return self.ordered and self.plan is None

    def apply(self, entry: Entry) -> None:
        """Take in the next entry."""
        self.cursor = entry.id
        match entry.event:
            case WorkOrdered():
                self.ordered = True
            case WorkEnded(result=Plan() | Failed() as result):
                self.plan = result
                self.advice.take(result)
            case CancelRequested():
                self.cancel_requested = True
            case JobEnded() as ended:
                self.ended, self.ended_at = ended, entry.at
            case _:
                pass  # a lost worker; the work is queued again


Standing: TypeAlias = DraftState | JobState
"""A draft, or the job that it became."""


def go_on(state: Standing | None, entries: Iterable[Entry]) -> Standing | None:
    """Return where a job stands after further entries of its ledger; None while there are none."""
    for entry in entries:
        match entry.event:
            case JobSubmitted() as event:
                advice = state.advice if isinstance(state, DraftState) else Advice()
                state = opened(entry, event, advice)
            case JobDrafted(job_id=job_id, draft=draft):
                state = DraftState(job_id, draft, entry.at, entry.id)
            case _ if state is not None:
                state.apply(entry)
    return state


def prelude(entries: Iterable[Entry]) -> DraftState | None:
    """Return what a job was before it was approved; None of one that was no draft."""
    state = None
    for entry in entries:
        if isinstance(entry.event, JobSubmitted):
            break
        state = go_on(state, [entry])
    return state if isinstance(state, DraftState) else None


def refuse_another(draft: JobDraft, spec: JobSpec) -> None:
    """Return when a job asks for what its draft asked for, and may use as much.

    Raises:
        Rejected: its goal or its budget is another.
    """
    for name in ("goal", "budget"):
        if getattr(spec, name) != getattr(draft, name):
            raise Rejected(
                f"{name}: wanted that of the draft, found another; approve the job that was "
                "planned, or draft this one"
            )


def decide(state: DraftState, *, machines: tuple[Capabilities, ...] = ()) -> list[Act]:
    """Return what is due now: a plan, once; then nothing until the user says what to do.

    Args:
        state: all that happened.
        machines: what the executors that are alive can train, as far as they have said.
    """
    if state.ended is not None:
        return []
    if state.cancel_requested:
        cancelled = _end("cancelled", "cancelled by the user")
        return [CancelWork(PLAN) if state.in_flight else cancelled]
    if isinstance(state.plan, Failed):
        return [_end("failed", state.plan.detail)]
    return [] if state.ordered else [_order(state, machines)]


def _order(state: DraftState, machines: tuple[Capabilities, ...]) -> Order:
    budget = state.draft.budget
    request = PlanRequest(
        job_id=state.job_id,
        draft=state.draft,
        machines=machines,
        caps=Caps(tokens=budget.llm_tokens, money=budget.money),
    )
    return Order(PLAN, request, "the job leaves open how it is to be carried out")


def _end(how: Literal["cancelled", "failed"], reason: str) -> End:
    return End(JobEnded(how=how, reason=reason, best=None))
