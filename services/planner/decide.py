"""What the planner does next, given all that happened: `decide`.

Pure: no clock, no Redis. Whatever it returns is written to the ledger before it takes effect, so a
planner killed at any instruction comes back, folds the ledger, and decides the same again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from services.planner import orders
from services.planner.able import ANYTHING, Able
from services.planner.experiment import Experiment, Run, is_baseline, piece
from services.planner.finish import (
    FINALISTS,
    Check,
    Ending,
    Over,
    Spending,
    Wait,
    final_step,
    next_step,
)
from services.planner.keeping import unwanted
from services.planner.replicates import replicated, replicates_left
from services.planner.search import Choice
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.events import JobEnded
from shared.contracts.job import GUARD_ITEMS
from shared.contracts.proposal import Left
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import ScoreRequest

AHEAD = 32
"""Executors for each experiment that is proposed beyond them, so that none waits: of so many, as a
rule, no two end their runs while a proposal is made."""

AT_ONCE = 3
"""Most recipes the researcher is asked for at once below one node."""

MAX_FAILURES = 8
"""Experiments that fail or are dropped in a row before the search gives up."""

LEAST_RUN_S = 1.0
"""Seconds of training below which another experiment is not worth starting."""

PILE = 4
"""Folders that nothing wants any more which are worth a message to an executor."""

TIDYING_S = 30.0
"""Seconds after which a job no longer waits for its last folders to be removed: where the executors
are busy with other jobs, or gone, they stay. An executor that has begun finishes."""


@dataclass(frozen=True, slots=True)
class CancelWork:
    """Stop a piece of work that is no longer wanted."""

    work_id: WorkId


@dataclass(frozen=True, slots=True)
class End:
    """Close the job."""

    event: JobEnded


Act: TypeAlias = orders.Order | CancelWork | End


def decide(state: JobState, *, now: float, executors: int, able: Able = ANYTHING) -> list[Act]:
    """Return what is due now; an empty list while the job waits for answers.

    At most one act of the search is begun at a time: the next one is chosen once the ledger holds
    this one, so that it counts as under way.

    Args:
        state: all that happened.
        now: seconds since 1970, by the server's clock.
        executors: how many this job may keep busy.
        able: what the workers that are alive can do.
    """
    if state.ended is not None:
        return []
    stop = reason_to_stop(state, now=now)
    if stop is not None:
        return _wind_up(state, stop, now=now)
    if state.brief is None or state.base_score is None:
        return list(_prepare(state))
    acts: list[Act] = [*_baselines(state), *_follow_up(state, now=now, executors=executors)]
    if acts:
        return acts
    replicate = _replicate(state, now=now, executors=executors)
    if replicate is not None:
        return [replicate]
    pile = () if state.folders.removing else unwanted(state)
    if len(pile) >= PILE:
        return [orders.discard(state, pile)]
    # With nothing in flight, what is under way waits for a budget that will not come.
    if state.awaited and _under_way(state) >= sought(executors):
        return []
    step = _next_step(state, now=now)
    match step:
        case Choice():
            return _carry_out(state, step, now=now, executors=executors, able=able)
        case Check():
            return [_check(state, step, now=now, executors=executors)]
        case Wait():
            return []
        case Over(why=why):
            return [] if state.awaited else _finish(state, "finished", why, now=now)


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


def ending(state: JobState) -> Ending:
    """Return how a job's search comes to its end."""
    spec = state.spec
    return Ending(
        deliver=spec.search.deliver,
        can_check=spec.data.confirm is not None,
        smallest_gain=spec.search.smallest_gain,
        target=spec.budget.target,
        uncheckable=frozenset(
            e.id
            for e in state.experiments.values()
            if any(isinstance(run.check, Failed) for run in e.runs)
        ),
        gone=state.gone,
    )


def _prepare(state: JobState) -> Iterator[orders.Order]:
    """Study the job and score the base model, side by side."""
    if "brief" not in state.ordered:
        yield orders.brief(state)
    if "score-0" not in state.ordered:
        yield orders.score(state, state.experiments[ROOT], None, "the base model is what to beat")


def _baselines(state: JobState) -> Iterator[orders.Order]:
    """Score what the best is compared with beside the base as it is; nothing waits for that."""
    baselines = state.spec.baselines
    if baselines.shots and piece("few-shot", ROOT) not in state.ordered:
        yield orders.few_shot(state)
    if baselines.reference is not None and piece("reference", ROOT) not in state.ordered:
        yield orders.reference(state)


def _replicate(state: JobState, *, now: float, executors: int) -> orders.Order | None:
    """Return the next run that measures what a seed does to a score, if one is due."""
    if not replicates_left(state):
        return None
    first = replicated(state)
    if first is None:
        return None
    limit_s = _run_limit_s(state, now=now, executors=executors)
    return None if limit_s < LEAST_RUN_S else orders.replicate(state, first, limit_s)


def _follow_up(state: JobState, *, now: float, executors: int) -> Iterator[orders.Order]:
    """Carry every experiment one step further: run, score, diagnose."""
    for experiment in state.experiments.values():
        if experiment.proposal is None:
            continue
        if not experiment.runs:
            limit_s = _run_limit_s(state, now=now, executors=executors)
            # The first rung may have become dearer since the recipe was asked for.
            if limit_s >= LEAST_RUN_S and state.runs < state.spec.budget.experiments - 1e-9:
                rung = state.search.first_rung()
                yield orders.first_run(state, experiment, rung, limit_s)
                return  # the next run's limit depends on what this one reserves
            continue
        for run in experiment.runs:
            order = _after(state, experiment, run)
            if order is not None:
                yield order


def _after(state: JobState, experiment: Experiment, run: Run) -> orders.Order | None:
    """Return what a run that has ended still needs, if anything."""
    if run.number in experiment.diagnosed:
        return None
    if isinstance(run.outcome, Trained):
        why = f"#{experiment.id} has been trained"
        if run.seed != experiment.recipe.seed:
            why += " with another seed"
        again = experiment.looks_again(run)
        if again and piece("check", experiment.id, run.number) not in state.ordered:
            return orders.check(state, experiment, run, why)
        if not again and piece("score", experiment.id, run.number) not in state.ordered:
            return orders.score(state, experiment, run, why)
    over = run.score is not None or (run.outcome is not None and run.outcome.kind == "failed")
    if over and run is experiment.line[-1]:
        return orders.diagnose(state, experiment, run)
    return None


def sought(executors: int) -> int:
    """Return how many experiments should be under way: one for each executor, and a few more."""
    return max(executors, 1) + math.ceil(max(executors, 1) / AHEAD)


def _under_way(state: JobState) -> int:
    """Count what executors have, or will have once it is proposed."""
    count = 0
    for experiment in state.experiments.values():
        if experiment.id == ROOT or experiment.dropped is not None:
            continue
        count += sum(run.outcome is None for run in experiment.runs)
        count += not experiment.runs
    return count


def _in_flight(state: JobState) -> int:
    """Count pieces of work that may still change which experiment is best."""
    deciding = ("propose", "run", "score")
    return sum(state.ordered[w].kind in deciding and not is_baseline(w) for w in state.in_flight)


def _next_step(state: JobState, *, now: float) -> Choice | Check | Wait | Over:
    why = _why_no_more_runs(state, now=now)
    if why is None:
        return next_step(state.search, spending(state), ending(state))
    step = final_step(state.search, spending(state), ending(state), why)
    # What is trained may be looked at again, but not trained again.
    return Over(why) if isinstance(step, Check) and step.anew else step


def _why_no_more_runs(state: JobState, *, now: float) -> str | None:
    if _failures_in_a_row(state) >= MAX_FAILURES:
        return _why_given_up(state)
    if _run_limit_s(state, now=now, executors=1) < LEAST_RUN_S:
        return "what is left of the budget does not pay for another run"
    return None


def spending(state: JobState) -> Spending:
    """Return where a job's budget stands, in full runs.

    What is being proposed counts as spent, and so do runs that are to measure what a seed does.
    """
    first = state.search.rules.rungs[state.search.first_rung()]
    proposed = sum(
        e.id != ROOT and e.dropped is None and not e.runs for e in state.experiments.values()
    )
    # While there is nothing to repeat, and nothing that may become it, other recipes come first.
    aside = replicates_left(state)
    if aside and not _under_way(state) and replicated(state) is None:
        aside = 0
    return Spending(
        budget=float(state.spec.budget.experiments),
        spent=state.runs + first * proposed + aside,
        in_flight=_in_flight(state),
    )


def _carry_out(
    state: JobState,
    choice: Choice,
    *,
    now: float,
    executors: int,
    able: Able,
) -> list[Act]:
    node = ExperimentId(choice.terms.node)
    if choice.terms.kind == "promote":
        limit_s = _run_limit_s(state, now=now, executors=executors)
        return [orders.longer_run(state, state.experiments[node], choice, limit_s)]
    free = executors - _under_way(state)
    now_spent = spending(state)
    first = state.search.rules.rungs[state.search.first_rung()]
    left = (now_spent.budget - now_spent.spent) / first
    count = max(1, min(free, AT_ONCE, int(left + 1e-9)))
    if state.spec.search.mode == "sequential":
        count = 1
    return [orders.propose(state, choice, count, able, _left(state, now=now))]


def _left(state: JobState, *, now: float) -> Left:
    """Return what is left of the budget: runs under way count as spent, their seconds not yet."""
    now_spent, budget = spending(state), state.spec.budget
    gpu_s, wall_s = budget.gpu_seconds, _wall_clock_left_s(state, now=now)
    return Left(
        experiments=max(0.0, now_spent.budget - now_spent.spent),
        gpu_seconds=None if gpu_s is None else max(0.0, gpu_s - state.gpu_seconds),
        wall_clock_s=None if wall_s is None else max(0.0, wall_s),
    )


def _check(state: JobState, step: Check, *, now: float, executors: int) -> Act:
    experiment = state.experiments[step.node]
    if step.anew:
        limit_s = _run_limit_s(state, now=now, executors=executors)
        return orders.another_seed(state, experiment, limit_s)
    assert experiment.measured is not None
    return orders.check(state, experiment, experiment.measured, "finalists are looked at again")


def _wind_up(state: JobState, reason: str, *, now: float) -> list[Act]:
    """Stop what is under way, then hand back the best so far.

    When a budget ran out, what has been trained is still scored: that was reserved.
    """
    over_budget = state.preparation_failed is None and not state.cancel_requested
    kept = ("score", "diagnose") if over_budget else ()
    acts: list[Act] = [
        CancelWork(work_id)
        for work_id in sorted(state.awaited)
        if state.ordered[work_id].kind not in kept or _may_be_left_out(state, work_id, now=now)
    ]
    if over_budget:
        acts += [
            orders.score(state, e, run, f"#{e.id} has been trained and the budget is used up")
            for e in state.experiments.values()
            if e.proposal is not None
            for run in e.line
            if isinstance(run.outcome, Trained)
            and piece("score", e.id, run.number) not in state.ordered
        ]
    if acts or state.awaited:
        return acts
    if state.preparation_failed is not None:
        return [End(JobEnded(how="failed", reason=reason, best=None))]
    if over_budget and state.base_score is not None:
        step = final_step(state.search, spending(state), ending(state), reason)
        if isinstance(step, Check) and not step.anew:
            return [_check(state, step, now=0.0, executors=1)]
    how = "cancelled" if state.cancel_requested else "finished"
    return _finish(state, how, reason, now=now)


def _may_be_left_out(state: JobState, work_id: WorkId, *, now: float) -> bool:
    """Whether a score is of a baseline, or of a side task when all time is used up."""
    request = state.ordered[work_id]
    if isinstance(request, ScoreRequest) and request.split == "guard":
        return _is_late(state, now=now)
    return is_baseline(work_id)


def _is_late(state: JobState, *, now: float) -> bool:
    budget_s = state.spec.budget.wall_clock_s
    return budget_s is not None and now - state.submitted_at >= budget_s


def _finish(state: JobState, how: str, reason: str, *, now: float) -> list[Act]:
    """Open the test split once, for the best and the base, make room, then close the job.

    Side tasks are scored with it: for both, unless all time is used up.
    """
    best = state.best()
    if how == "finished" and best is not None:
        last = [
            order
            for e in (state.experiments[ROOT], best)
            for order in _last_scores(state, e, late=_is_late(state, now=now))
        ]
        if last:
            return last
    if state.folders.removing:
        late = [work for work, at in state.folders.removing.items() if now - at > TIDYING_S]
        return [CancelWork(work) for work in late]
    pile = unwanted(state, over=True)
    if pile:
        return [orders.discard(state, pile)]
    asked = [e for e in state.experiments.values() if e.id != ROOT]
    all_failed = bool(asked) and all(e.failure is not None or e.dropped is not None for e in asked)
    return [
        End(
            JobEnded(
                how="cancelled" if how == "cancelled" else "failed" if all_failed else "finished",
                reason=reason,
                best=None if best is None else best.id,
            )
        )
    ]


def _last_scores(state: JobState, experiment: Experiment, *, late: bool) -> Iterator[Act]:
    if state.spec.data.test is not None and experiment.id not in state.test_scores:
        yield orders.test(state, experiment)
    for number, name in enumerate(() if late else state.spec.side_tasks(), start=1):
        if (name, experiment.id) not in state.guards:
            yield orders.guard(state, experiment, number, name)


def _why_given_up(state: JobState) -> str:
    last = max(state.experiments.values(), key=lambda e: e.id)
    said = last.dropped or (last.failure.detail if last.failure else "no reason given")
    return f"{MAX_FAILURES} experiments in a row came to nothing, the last: {said}"


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
        # A share that is too short to be worth starting helps nobody.
        limits.append(max(left / max(executors, 1), min(left, LEAST_RUN_S)))
    left_s = _wall_clock_left_s(state, now=now)
    if left_s is not None:
        limits.append(left_s)
    return min(limits)


def _wall_clock_left_s(state: JobState, *, now: float) -> float | None:
    """Seconds left for searching: the budget less what finishing will take; None without a limit.

    Finishing is scoring the last experiment on dev, the finalists on the rows kept for them, and
    the best and the base on test and at the side tasks; an item is taken to last as long as when
    the base model was scored. Baselines are left out when time is up, so none is kept for them;
    a side task of the harness may have more items, and is left out then as well.
    """
    budget_s = state.spec.budget.wall_clock_s
    if budget_s is None:
        return None
    base = state.base_score
    checks = FINALISTS["checkpoint"] if state.spec.data.confirm is not None else 0
    finishing_s = 0.0
    if base is not None:
        guards = 2 * len(state.spec.side_tasks()) * GUARD_ITEMS / base.n
        finishing_s = (3 + checks + guards) * base.seconds
    return budget_s - (now - state.submitted_at) - finishing_s
