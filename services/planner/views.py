"""A job's state as the REST API shows it. Pure."""

from collections.abc import Mapping
from typing import TypeAlias

from services.planner.baselines import baseline_views
from services.planner.comparing import score_view
from services.planner.decide import reason_to_stop
from services.planner.earnings import proposer_views
from services.planner.experiment import Experiment, is_baseline, piece
from services.planner.state import JobState
from services.planner.warnings import rules_stand_in, warnings
from shared.contracts.base import ROOT, WorkId, digest
from shared.contracts.run import Progress, RunRequest
from shared.contracts.score import Score
from shared.contracts.views import (
    ExperimentView,
    JobView,
    NodeState,
    NodeView,
    RunView,
    ScoreView,
    Spent,
    TreeView,
)
from shared.contracts.views import (
    JobState as JobStateName,
)

Progresses: TypeAlias = Mapping[WorkId, Progress]
"""Where work stands that a worker holds right now."""


def job_view(
    state: JobState, progress: Progresses, *, now: float, executors: int | None = None
) -> JobView:
    """Return where a job stands.

    Args:
        state: all that happened.
        progress: where work stands.
        now: seconds since 1970, by the server's clock.
        executors: how many are alive; None when nobody knows.
    """
    best = state.best()
    return JobView(
        job_id=state.job_id,
        goal=state.spec.goal,
        state=_state_name(state, now=now),
        sentence=_sentence(state, progress, now=now, executors=executors),
        submitted_at=state.submitted_at,
        budget=state.spec.budget,
        spent=Spent(
            experiments=state.asked,
            runs=state.runs,
            gpu_seconds=state.gpu_seconds,
            wall_clock_s=max(0.0, (state.ended_at or now) - state.submitted_at),
            llm_calls=state.advice.calls,
            llm_tokens=state.advice.tokens,
            money=state.advice.money,
        ),
        base=_seen(state.base_score),
        best=_seen(best.score) if best else None,
        best_experiment=best.id if best else None,
        baselines=baseline_views(state),
        proposers=proposer_views(state),
        warnings=warnings(state),
    )


def tree_view(
    state: JobState, progress: Progresses, *, now: float, executors: int | None = None
) -> TreeView:
    """Return a job with all its nodes."""
    return TreeView(
        job=job_view(state, progress, now=now, executors=executors),
        nodes=tuple(node_view(state, e, progress) for e in state.experiments.values()),
    )


def node_view(state: JobState, experiment: Experiment, progress: Progresses) -> NodeView:
    """Return an experiment as one line of the tree."""
    tree, posterior = state.search.tree, state.search.posterior
    measured = posterior.is_measured(experiment.id)
    checks = [run.check for run in experiment.runs if isinstance(run.check, Score)]
    run = experiment.measured
    return NodeView(
        experiment=experiment.id,
        parent=experiment.parent,
        state=_node_state(state, experiment, progress),
        sentence=_node_sentence(experiment),
        changed=experiment.proposal.changed if experiment.proposal else (),
        visits=tree.visits[experiment.id],
        score=_seen(experiment.score),
        fidelity=None if run is None else state.search.rules.rungs[run.rung],
        went_on=tuple(_shares(state, experiment)[:-1]),
        believed=posterior.mean[experiment.id] if measured else None,
        deviation=posterior.variance[experiment.id] ** 0.5 if measured else None,
        confirm=score_view(checks[-1]) if checks else None,
        progress=next(
            (at for work, at in progress.items() if state.is_about(work, experiment.id)), None
        ),
    )


def _shares(state: JobState, experiment: Experiment) -> list[float]:
    """Return the shares of a full run after which an experiment was scored, rising."""
    if experiment.proposal is None:
        return []
    rungs = state.search.rules.rungs
    return [rungs[run.rung] for run in experiment.line if run.score is not None]


def experiment_view(
    state: JobState, experiment: Experiment, progress: Progresses
) -> ExperimentView:
    """Return everything known about one experiment."""
    proposal = experiment.proposal
    rungs = state.search.rules.rungs
    return ExperimentView(
        node=node_view(state, experiment, progress),
        why=experiment.why,
        choice=experiment.choice,
        runs=tuple(
            RunView(
                number=run.number,
                fidelity=rungs[run.rung],
                seed=run.seed,
                outcome=run.outcome,
                score=_seen(run.score),
                confirm=score_view(run.check) if isinstance(run.check, Score) else None,
            )
            for run in experiment.runs
        ),
        expects=proposal.expects if proposal else None,
        proposer=proposal.proposer if proposal else None,
        direction=proposal.direction if proposal else None,
        hypothesis=proposal.hypothesis if proposal else None,
        gain=proposal.gain if proposal else None,
        falsifier=proposal.falsifier if proposal else None,
        predicted_s=proposal.predicted_s if proposal else None,
        counsel=experiment.counsel,
        recipe=proposal.recipe if proposal else None,
        recipe_sha256=digest(proposal.recipe) if proposal else None,
        outcome=experiment.outcome,
        faults=experiment.score.faults if experiment.score else (),
        confusions=experiment.score.confusions if experiment.score else (),
        lesson=experiment.lesson,
    )


def _seen(score: Score | None) -> ScoreView | None:
    return None if score is None else score_view(score)


def _state_name(state: JobState, *, now: float) -> JobStateName:
    if state.ended is not None:
        return state.ended.how
    closing = any(work_id.startswith(("test-", "check-", "guard-")) for work_id in state.in_flight)
    return "finishing" if closing or reason_to_stop(state, now=now) else "searching"


def _sentence(state: JobState, progress: Progresses, *, now: float, executors: int | None) -> str:
    if state.ended is not None:
        return f"{state.ended.how}: {state.ended.reason}"
    stop = reason_to_stop(state, now=now)
    if stop is not None:
        return f"stopping: {stop}"
    if not state.in_flight:
        return "deciding what to do next"
    waiting = sum(state.ordered[w].kind == "run" and w not in progress for w in state.in_flight)
    if executors == 0 and waiting:
        runs = "run waits" if waiting == 1 else "runs wait"
        return f"no executor takes work and {waiting} {runs}: start one, or see `trex top` why"
    doing = [_doing(state, work_id, progress) for work_id in sorted(state.in_flight)]
    return "; ".join([*doing, *rules_stand_in(state)])


def _doing(state: JobState, work_id: WorkId, progress: Progresses) -> str:
    request = state.ordered[work_id]
    match request.kind:
        case "plan":
            return "planning what the job leaves open"
        case "brief":
            doing = "studying the training data"
            # A new job may wait here for a language model that is away.
            return f"{doing}: {progress[work_id].phase}" if work_id in progress else doing
        case "propose":
            first = state.experiments[request.experiments[0]]
            numbers = ", ".join(f"#{number}" for number in request.experiments)
            return f"proposing {numbers} {first.why}"
        case "run":
            return _running(state, work_id, request, started=work_id in progress)
        case "score" if request.split == "test":
            return f"opening the test split for {_name(request.experiment)}"
        case "score" if request.split == "confirm":
            return f"looking at finalist {_name(request.experiment)} again"
        case "score" if request.split == "guard":
            return f"looking what {_name(request.experiment)} scores at {request.data}"
        case "score" if is_baseline(work_id):
            kind, _, _ = work_id.rpartition("-")
            return f"scoring the {kind} baseline"
        case "score":
            return f"scoring {_name(request.experiment)}"
        case "diagnose":
            return f"learning from #{request.experiment}"
        case "discard":
            return "removing checkpoints that nothing wants any more"


def _running(state: JobState, work_id: WorkId, request: RunRequest, *, started: bool) -> str:
    experiment = state.experiments[request.experiment]
    if not started:
        return f"#{experiment.id} waits for an executor"
    if len(experiment.runs) == 1:
        return f"training #{experiment.id} below {_name(experiment.parent or ROOT)}"
    if work_id.startswith("replicate-"):
        return f"training #{experiment.id} with another seed, to measure what that does"
    if request.recipe.seed != experiment.recipe.seed:
        return f"training finalist #{experiment.id} with another seed"
    return f"training #{experiment.id} further"


def _name(experiment: int) -> str:
    return "the base model" if experiment == ROOT else f"#{experiment}"


def _node_state(state: JobState, experiment: Experiment, progress: Progresses) -> NodeState:
    if experiment.dropped is not None:
        return "dropped"
    if experiment.failure is not None:
        return "failed"
    if experiment.id == ROOT:
        return "done" if experiment.score is not None else "scoring"
    if experiment.proposal is None:
        return "proposing"
    if not experiment.runs:
        return "queued"
    run = experiment.line[-1]
    if run.outcome is None:
        return "training" if piece("run", experiment.id, run.number) in progress else "queued"
    if run.score is None:
        return "scoring"
    return "done" if run.rung == len(state.search.rules.rungs) - 1 else "short"


def _node_sentence(experiment: Experiment) -> str:
    if experiment.id == ROOT:
        return "the base model, untouched"
    if experiment.dropped is not None:
        return f"given up before it ran: {experiment.dropped}"
    if experiment.failure is not None:
        return f"{experiment.failure.error}: {experiment.failure.detail}"
    if experiment.lesson is not None:
        return experiment.lesson.sentence
    return experiment.proposal.expects if experiment.proposal else experiment.why
