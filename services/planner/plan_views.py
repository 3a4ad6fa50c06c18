"""A draft and its plan as the REST API shows them. Pure."""

from services.planner.drafted import DraftState
from services.planner.views import Progresses
from shared.contracts.plan import JobDraft, Plan
from shared.contracts.run import Failed
from shared.contracts.views import Cost, JobView, PlanView, Spent
from shared.contracts.views import JobState as JobStateName
from shared.store import PLAN


def draft_view(state: DraftState, progress: Progresses, *, now: float) -> JobView:
    """Return where a draft stands.

    Args:
        state: all that happened.
        progress: where work stands.
        now: seconds since 1970, by the server's clock.
    """
    waited_s = max(0.0, (state.ended_at or now) - state.drafted_at)
    return JobView(
        job_id=state.job_id,
        goal=state.draft.goal,
        state=_state_name(state),
        sentence=_sentence(state, progress),
        submitted_at=state.drafted_at,
        budget=state.draft.budget,
        spent=Spent(
            experiments=0,
            runs=0.0,
            gpu_seconds=0.0,
            wall_clock_s=waited_s,
            llm_calls=state.advice.calls,
            llm_tokens=state.advice.tokens,
            money=state.advice.money,
        ),
        base=None,
        best=None,
        best_experiment=None,
        warnings=(),
    )


def plan_view(job: JobView, state: DraftState) -> PlanView:
    """Return a draft with its plan; ``job`` is where it stands, or where what became of it does."""
    plan = state.plan if isinstance(state.plan, Plan) else None
    return PlanView(job=job, draft=state.draft, plan=plan, cost=_cost(state.draft, plan))


def _cost(draft: JobDraft, plan: Plan | None) -> Cost:
    budget, runs = draft.budget, draft.budget.experiments
    run_s = None if plan is None else plan.run_s
    caps = (runs * draft.limits.run_s, budget.gpu_seconds, budget.wall_clock_s)
    most_s = min(cap for cap in caps if cap is not None)
    return Cost(
        full_runs=runs,
        expected_s=None if run_s is None else min(runs * run_s, most_s),
        most_s=most_s,
        llm_tokens=budget.llm_tokens,
        money=budget.money,
    )


def _state_name(state: DraftState) -> JobStateName:
    if state.ended is not None:
        return state.ended.how
    return "waiting" if isinstance(state.plan, Plan) and not state.cancel_requested else "planning"


def _sentence(state: DraftState, progress: Progresses) -> str:
    if state.ended is not None:
        return f"{state.ended.how}: {state.ended.reason}"
    if state.cancel_requested:
        return "stopping: cancelled by the user"
    match state.plan:
        case Plan():
            return f"the plan is ready: approve it with `trex approve {state.job_id}`"
        case Failed(detail=detail):
            return f"stopping: {detail}"
        case None:
            doing = "planning what the job leaves open"
            # It may wait here for a language model that is away.
            return f"{doing}: {progress[PLAN].phase}" if PLAN in progress else doing
