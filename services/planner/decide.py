"""What the planner does next, given all that happened: `decide`.

Pure: no clock, no Redis. Whatever it returns is written to the ledger before it takes effect, so a
planner killed at any instruction comes back, folds the ledger, and decides the same again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from services.planner.state import Experiment, JobState
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.brief import BriefRequest, ProposalContext
from shared.contracts.events import JobEnded
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request

AHEAD = 1
"""Experiments proposed beyond the live executors, so that none waits for a proposal."""

MAX_FAILURES = 8
"""Experiments that fail or are dropped in a row before the search gives up."""

LEAST_RUN_S = 1.0
"""Seconds of training below which another experiment is not worth starting."""


@dataclass(frozen=True, slots=True)
class Order:
    """Ask a service for a piece of work."""

    work_id: WorkId
    request: Request
    why: str


@dataclass(frozen=True, slots=True)
class CancelWork:
    """Stop a piece of work that is no longer wanted."""

    work_id: WorkId


@dataclass(frozen=True, slots=True)
class End:
    """Close the job."""

    event: JobEnded


Act: TypeAlias = Order | CancelWork | End


def decide(state: JobState, *, now: float, executors: int) -> list[Act]:
    """Return what is due now; an empty list while the job waits for answers.

    At most one new experiment is asked for at a time: the next one is chosen once the ledger holds
    this one, so that it counts as in flight.

    Args:
        state: all that happened.
        now: seconds since 1970, by the server's clock.
        executors: how many are alive.
    """
    if state.ended is not None:
        return []
    stop = reason_to_stop(state, now=now)
    if stop is not None:
        return _wind_up(state, stop)
    if state.brief is None or state.base_score is None:
        return list(_prepare(state))
    acts: list[Act] = list(_follow_up(state, now=now, executors=executors))
    if _wants_more(state, now=now, executors=executors):
        acts.extend(_ask(state))
    if acts or state.in_flight:
        return acts
    return _finish(state, "finished", _why_over(state, now=now))


def reason_to_stop(state: JobState, *, now: float) -> str | None:
    """Return why everything under way must stop at once, or None."""
    if state.preparation_failed is not None:
        return state.preparation_failed.detail
    if state.cancel_requested:
        return "cancelled by the user"
    left_s = _wall_clock_left_s(state, now=now)
    if left_s is not None and left_s <= 0:
        return f"the wall-clock budget of {state.spec.budget.wall_clock_s:.0f} s is used up"
    return None


def _prepare(state: JobState) -> Iterator[Order]:
    """Study the job and score the base model, side by side."""
    spec = state.spec
    if "brief" not in state.ordered:
        request = BriefRequest(
            job_id=state.job_id,
            goal=spec.goal,
            base_model=spec.base_model,
            train=spec.data.train,
            mapping=spec.data.mapping,
            metric=spec.metric,
        )
        yield Order(WorkId("brief"), request, "every search begins with a look at its data")
    if "score-0" not in state.ordered:
        yield _score_order(state, state.experiments[ROOT], "the base model is what to beat")


def _follow_up(state: JobState, *, now: float, executors: int) -> Iterator[Order]:
    """Carry every experiment one step further: run, score, diagnose."""
    for experiment in state.experiments.values():
        if experiment.proposal is None:
            continue
        if f"run-{experiment.id}" not in state.ordered:
            limit_s = _run_limit_s(state, now=now, executors=executors)
            if limit_s >= LEAST_RUN_S:
                yield _run_order(state, experiment, limit_s)
                return  # the next run's limit depends on what this one reserves
        elif (
            isinstance(experiment.outcome, Trained)
            and f"score-{experiment.id}" not in state.ordered
        ):
            yield _score_order(state, experiment, f"#{experiment.id} has been trained")
        elif (
            experiment.score is not None or experiment.failure is not None
        ) and f"diagnose-{experiment.id}" not in state.ordered:
            yield _diagnose_order(state, experiment)


def _wants_more(state: JobState, *, now: float, executors: int) -> bool:
    if not _may_ask(state, now=now):
        return False
    waiting = sum(
        1
        for e in state.experiments.values()
        if e.id != ROOT and e.dropped is None and e.outcome is None
    )
    return waiting < max(executors, 1) + AHEAD


def _may_ask(state: JobState, *, now: float) -> bool:
    return (
        state.asked < state.spec.budget.experiments
        and _failures_in_a_row(state) < MAX_FAILURES
        and _run_limit_s(state, now=now, executors=1) >= LEAST_RUN_S
    )


def _ask(state: JobState) -> Iterator[Order]:
    choice = state.tree.ask()
    if choice is None:
        return
    number = ExperimentId(len(state.experiments))
    assert state.brief is not None
    assert state.base_score is not None
    spec = state.spec
    request = ProposeRequest(
        job_id=state.job_id,
        experiment=number,
        parent=choice.parent,
        context=ProposalContext(
            goal=spec.goal,
            base_model=spec.base_model,
            train=spec.data.train,
            mapping=spec.data.mapping,
            metric=spec.metric,
            limits=spec.limits,
            seed=spec.seed,
        ),
        brief=state.brief,
        base_value=state.base_score.value,
        findings=tuple(_findings(state)),
    )
    yield Order(WorkId(f"propose-{number}"), request, choice.why)


def _findings(state: JobState) -> Iterator[Finding]:
    for experiment in state.experiments.values():
        if experiment.proposal is None or experiment.parent is None:
            continue
        score = experiment.score
        yield Finding(
            experiment=experiment.id,
            parent=experiment.parent,
            recipe=experiment.proposal.recipe,
            outcome=experiment.outcome,
            value=None if score is None else score.value,
            stderr=None if score is None else score.stderr,
            lesson=experiment.lesson,
        )


def _run_order(state: JobState, experiment: Experiment, limit_s: float) -> Order:
    assert experiment.proposal is not None
    request = RunRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        recipe=experiment.proposal.recipe,
        limit_s=limit_s,
    )
    return Order(WorkId(f"run-{experiment.id}"), request, experiment.proposal.expects)


def _score_order(
    state: JobState, experiment: Experiment, why: str, *, test: str | None = None
) -> Order:
    spec = state.spec
    trained = experiment.outcome if isinstance(experiment.outcome, Trained) else None
    request = ScoreRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        checkpoint=spec.base_model if trained is None else trained.checkpoint,
        base_model=spec.base_model,
        data=spec.data.dev if test is None else test,
        data_sha256=state.base_score.data_sha256 if state.base_score and test is None else None,
        split="dev" if test is None else "test",
        mapping=spec.data.mapping,
        metric=spec.metric,
        max_new_tokens=spec.limits.max_new_tokens,
    )
    name = "score" if test is None else "test"
    return Order(WorkId(f"{name}-{experiment.id}"), request, why)


def _diagnose_order(state: JobState, experiment: Experiment) -> Order:
    assert experiment.proposal is not None
    assert experiment.outcome is not None
    assert experiment.parent is not None
    request = DiagnoseRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        recipe=experiment.proposal.recipe,
        changed=experiment.proposal.changed,
        outcome=experiment.outcome,
        score=experiment.score,
        parent=experiment.parent,
        parent_score=state.experiments[experiment.parent].score,
    )
    why = f"#{experiment.id} is over and may teach something"
    return Order(WorkId(f"diagnose-{experiment.id}"), request, why)


def _wind_up(state: JobState, reason: str) -> list[Act]:
    """Stop what is under way, then hand back the best so far.

    When a budget ran out, what has been trained is still scored: that was reserved.
    """
    over_budget = state.preparation_failed is None and not state.cancel_requested
    kept = ("score", "diagnose") if over_budget else ()
    acts: list[Act] = [
        CancelWork(work_id)
        for work_id in sorted(state.in_flight)
        if state.ordered[work_id].kind not in kept
    ]
    if over_budget:
        acts += [
            _score_order(state, e, f"#{e.id} has been trained and the budget is used up")
            for e in state.experiments.values()
            if isinstance(e.outcome, Trained) and f"score-{e.id}" not in state.ordered
        ]
    if acts or state.in_flight:
        return acts
    if state.preparation_failed is not None:
        return [End(JobEnded(how="failed", reason=reason, best=None))]
    return _finish(state, "cancelled" if state.cancel_requested else "finished", reason)


def _finish(state: JobState, how: str, reason: str) -> list[Act]:
    """Open the test split once, for the best and the base, then close the job."""
    best = state.best()
    test = state.spec.data.test
    if how == "finished" and best is not None and test is not None:
        missing = [e for e in (state.experiments[ROOT], best) if e.id not in state.test_scores]
        if missing:
            why = "the search is over; the report needs rows it did not choose by"
            return [_score_order(state, e, why, test=test) for e in missing]
    all_failed = state.asked > 0 and all(
        e.failure is not None or e.dropped is not None
        for e in state.experiments.values()
        if e.id != ROOT
    )
    return [
        End(
            JobEnded(
                how="cancelled" if how == "cancelled" else "failed" if all_failed else "finished",
                reason=reason,
                best=None if best is None else best.id,
            )
        )
    ]


def _why_over(state: JobState, *, now: float) -> str:
    budget = state.spec.budget
    if state.asked >= budget.experiments:
        return f"all {budget.experiments} experiments of the budget are done"
    if _failures_in_a_row(state) >= MAX_FAILURES:
        last = max(state.experiments.values(), key=lambda e: e.id)
        said = last.dropped or (last.failure.detail if last.failure else "no reason given")
        return f"{MAX_FAILURES} experiments in a row came to nothing, the last: {said}"
    if _run_limit_s(state, now=now, executors=1) < LEAST_RUN_S:
        return "what is left of the budget does not pay for another run"
    return "the researcher has nothing new to propose anywhere in the tree"


def _failures_in_a_row(state: JobState) -> int:
    count = 0
    for experiment in reversed(state.experiments.values()):
        if experiment.score is not None:
            break
        count += experiment.dropped is not None or experiment.failure is not None
    return count


def _run_limit_s(state: JobState, *, now: float, executors: int) -> float:
    """Seconds the next run may take, so that no budget is overdrawn by runs under way."""
    limits = [state.spec.limits.run_s]
    budget = state.spec.budget
    if budget.gpu_seconds is not None:
        reserved = sum(
            request.limit_s
            for work_id, request in state.ordered.items()
            if work_id in state.in_flight and isinstance(request, RunRequest)
        )
        left = budget.gpu_seconds - state.gpu_seconds - reserved
        limits.append(left / max(executors, 1))
    left_s = _wall_clock_left_s(state, now=now)
    if left_s is not None:
        limits.append(left_s)
    return min(limits)


def _wall_clock_left_s(state: JobState, *, now: float) -> float | None:
    """Seconds left for searching: the budget less what finishing will take; None without a limit.

    Finishing is scoring the last experiment on dev, and the best and the base on test; each is
    taken to last as long as scoring the base model did.
    """
    budget_s = state.spec.budget.wall_clock_s
    if budget_s is None:
        return None
    base = state.base_score
    finishing_s = 0.0 if base is None else 3 * base.seconds
    return budget_s - (now - state.submitted_at) - finishing_s
