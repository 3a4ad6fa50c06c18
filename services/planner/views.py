"""A job's state as the REST API shows it. Pure."""

from collections.abc import Mapping
from typing import TypeAlias

from services.planner.decide import reason_to_stop
from services.planner.state import Experiment, JobState
from shared.contracts.base import ROOT, WorkId, digest
from shared.contracts.run import Failed, Progress, Trained
from shared.contracts.score import Score
from shared.contracts.views import (
    ExperimentView,
    JobView,
    NodeState,
    NodeView,
    ScoreView,
    Spent,
    TreeView,
)
from shared.contracts.views import (
    JobState as JobStateName,
)

Progresses: TypeAlias = Mapping[WorkId, Progress]
"""Where work stands that a worker holds right now."""


def job_view(state: JobState, progress: Progresses, *, now: float) -> JobView:
    """Return where a job stands."""
    best = state.best()
    return JobView(
        job_id=state.job_id,
        goal=state.spec.goal,
        state=_state_name(state, now=now),
        sentence=_sentence(state, progress, now=now),
        submitted_at=state.submitted_at,
        budget=state.spec.budget,
        spent=Spent(
            experiments=state.asked,
            gpu_seconds=state.gpu_seconds,
            wall_clock_s=max(0.0, (state.ended_at or now) - state.submitted_at),
        ),
        base=score_view(state.base_score),
        best=score_view(best.score) if best else None,
        best_experiment=best.id if best else None,
    )


def tree_view(state: JobState, progress: Progresses, *, now: float) -> TreeView:
    """Return a job with all its nodes."""
    return TreeView(
        job=job_view(state, progress, now=now),
        nodes=tuple(node_view(state, e, progress) for e in state.experiments.values()),
    )


def node_view(state: JobState, experiment: Experiment, progress: Progresses) -> NodeView:
    """Return an experiment as one line of the tree."""
    statistics = state.tree.nodes[experiment.id]
    return NodeView(
        experiment=experiment.id,
        parent=experiment.parent,
        state=_node_state(experiment, progress),
        sentence=_node_sentence(experiment),
        changed=experiment.proposal.changed if experiment.proposal else (),
        visits=statistics.visits,
        in_flight=max(statistics.in_flight, 0),
        score=score_view(experiment.score),
        progress=next(
            (
                progress[WorkId(f"{kind}-{experiment.id}")]
                for kind in ("run", "score", "test")
                if f"{kind}-{experiment.id}" in progress
            ),
            None,
        ),
    )


def experiment_view(
    state: JobState, experiment: Experiment, progress: Progresses
) -> ExperimentView:
    """Return everything known about one experiment."""
    proposal = experiment.proposal
    return ExperimentView(
        node=node_view(state, experiment, progress),
        why=experiment.why,
        expects=proposal.expects if proposal else None,
        proposer=proposal.proposer if proposal else None,
        recipe=proposal.recipe if proposal else None,
        recipe_sha256=digest(proposal.recipe) if proposal else None,
        outcome=experiment.outcome,
        bad_cases=experiment.score.bad_cases if experiment.score else (),
        lesson=experiment.lesson,
    )


def score_view(score: Score | None) -> ScoreView | None:
    """Return a score without its items."""
    if score is None:
        return None
    return ScoreView(
        metric=score.metric,
        value=score.value,
        stderr=score.stderr,
        n=score.n,
        engine=score.engine,
    )


def _state_name(state: JobState, *, now: float) -> JobStateName:
    if state.ended is not None:
        return state.ended.how
    testing = any(work_id.startswith("test-") for work_id in state.in_flight)
    return "finishing" if testing or reason_to_stop(state, now=now) else "searching"


def _sentence(state: JobState, progress: Progresses, *, now: float) -> str:
    if state.ended is not None:
        return f"{state.ended.how}: {state.ended.reason}"
    stop = reason_to_stop(state, now=now)
    if stop is not None:
        return f"stopping: {stop}"
    if not state.in_flight:
        return "deciding what to do next"
    return "; ".join(_doing(state, work_id, progress) for work_id in sorted(state.in_flight))


def _doing(state: JobState, work_id: WorkId, progress: Progresses) -> str:
    request = state.ordered[work_id]
    match request.kind:
        case "brief":
            return "studying the training data"
        case "propose":
            why = state.experiments[request.experiment].why
            return f"proposing #{request.experiment} {why}"
        case "run" if work_id not in progress:
            return f"#{request.experiment} waits for an executor"
        case "run":
            parent = state.experiments[request.experiment].parent or ROOT
            return f"training #{request.experiment} below {_name(parent)}"
        case "score" if request.split == "test":
            return f"opening the test split for {_name(request.experiment)}"
        case "score":
            return f"scoring {_name(request.experiment)}"
        case "diagnose":
            return f"learning from #{request.experiment}"


def _name(experiment: int) -> str:
    return "the base model" if experiment == ROOT else f"#{experiment}"


def _node_state(experiment: Experiment, progress: Progresses) -> NodeState:
    if experiment.dropped is not None:
        return "dropped"
    if isinstance(experiment.outcome, Failed):
        return "failed"
    if experiment.score is not None:
        return "done"
    if experiment.id == ROOT or isinstance(experiment.outcome, Trained):
        return "scoring"
    if experiment.proposal is None:
        return "proposing"
    return "training" if f"run-{experiment.id}" in progress else "queued"


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
