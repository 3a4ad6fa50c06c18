"""What a proposer is told of the experiments so far, made from a job's state. Pure."""

from collections.abc import Iterator

from services.planner.experiment import Experiment
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.lesson import Lesson
from shared.contracts.proposal import Finding
from shared.contracts.run import Failed, Trained
from shared.contracts.score import Fault, Score

EXAMPLES = 2
"""Wrong answers of each kind that a proposer is shown of an experiment that matters."""

TOLD = 200
"""Experiments that a proposer is told of at most, so that a proposal costs the same in a job of
thousands as in one of hundreds."""


def findings(state: JobState, parent: ExperimentId) -> Iterator[Finding]:
    """Yield what is known of the experiments that matter below a node, in order of their numbers.

    Wrong answers are counted of all and shown of those that matter most: its ancestors and the
    best. Where no language model reads them they are left out, and so are curves.
    """
    gone = state.gone
    best = state.best()
    shown = {*state.search.tree.lineage(parent), ROOT if best is None else best.id}
    for experiment in told(state, parent):
        assert experiment.proposal is not None
        assert experiment.parent is not None
        score = experiment.score
        read = None if state.advice.model is None else score
        outcome = experiment.outcome
        yield Finding(
            experiment=experiment.id,
            parent=experiment.parent,
            recipe=experiment.recipe,
            outcome=outcome if state.advice.model else _without_curves(outcome),
            value=None if score is None else score.value,
            stderr=None if score is None else score.stderr,
            lesson=_without_counsel(experiment.lesson),
            kept=experiment.id not in gone,
            proposer=experiment.proposal.proposer,
            hypothesis=experiment.proposal.hypothesis,
            faults=_faults(read, EXAMPLES if experiment.id in shown else 0),
            confusions=read.confusions if read and experiment.id in shown else (),
        )


def told(state: JobState, parent: ExperimentId) -> list[Experiment]:
    """Return the experiments with a recipe that a proposer is told of below a node.

    All of them, up to `TOLD`. Of more, the node with its ancestors, a quarter for the best, a
    quarter for the latest below the node, and the latest of all, which are those under way.
    """
    known = [e for e in state.experiments.values() if e.proposal is not None]
    if len(known) <= TOLD:
        return known
    latest = known[::-1]
    scored = sorted((e for e in known if e.score), key=lambda e: -_value(e))
    lineage = map(ExperimentId, state.search.tree.lineage(parent))
    ancestors = [state.experiments[number] for number in lineage]
    below = [e for e in latest if e.parent == parent]
    ranked = (*ancestors, *scored[: TOLD // 4], *below[: TOLD // 4], *latest)
    chosen = dict.fromkeys(e.id for e in ranked if e.proposal is not None)
    return [state.experiments[number] for number in sorted(list(chosen)[:TOLD])]


def _value(experiment: Experiment) -> float:
    return experiment.score.value if experiment.score else 0.0


def _faults(score: Score | None, examples: int) -> tuple[Fault, ...]:
    return tuple(
        fault.model_copy(update={"examples": fault.examples[:examples]})
        for fault in (() if score is None else score.faults)
    )


def _without_curves(outcome: Trained | Failed | None) -> Trained | Failed | None:
    if not isinstance(outcome, Trained):
        return outcome
    curves = dict.fromkeys(("train_curve", "held_out_curve", "reward_curve"), ())
    return outcome.model_copy(update=curves)


def _without_counsel(lesson: Lesson | None) -> Lesson | None:
    if lesson is None or lesson.counsel is None:
        return lesson
    return lesson.model_copy(update={"counsel": None})
