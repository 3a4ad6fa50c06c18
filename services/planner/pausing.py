"""Which proposer pauses at a place, because it runs into the same failure again and again. Pure."""

from collections.abc import Iterator, Sequence
from typing import get_args

from services.planner.experiment import Experiment
from services.planner.state import JobState
from shared.contracts.base import ExperimentId
from shared.contracts.counsel import Proposer
from shared.contracts.run import NOBODYS_FAULT

REPEATS = 3
"""The same failure so many times in a row makes a proposer pause below that node."""

PAUSE = 3
"""Experiments of the other one below the node before it is asked there again."""


def paused(state: JobState, parent: ExperimentId, proposer: Proposer) -> bool:
    """Whether a proposer is not to be asked below a node for now."""
    return _repeated(_below(state, parent), proposer) is not None


def pauses(state: JobState) -> Iterator[tuple[ExperimentId, Proposer, str]]:
    """Yield where which proposer pauses, and the error that it ran into."""
    parents = (e.parent for e in state.experiments.values() if e.parent is not None)
    for parent in dict.fromkeys(parents):
        for proposer in get_args(Proposer):
            error = _repeated(_below(state, parent), proposer)
            if error is not None:
                yield parent, proposer, error


def _below(state: JobState, parent: ExperimentId) -> list[Experiment]:
    return [e for e in state.experiments.values() if e.parent == parent]


def _repeated(below: Sequence[Experiment], proposer: Proposer) -> str | None:
    """Return the error of the last `REPEATS` experiments of a proposer, if it is to pause for it.

    They are the same failure when the error is the same and so is what was changed, though maybe to
    another value. What is nobody's fault is left out.
    """
    last = [e for e in below if e.proposer == proposer and not _is_lost(e)][-REPEATS:]
    failures = {_failure(e) for e in last}
    if len(last) < REPEATS or len(failures) > 1:
        return None
    since = sum(e.id > last[-1].id and e.proposer != proposer for e in below)
    (failure,) = failures
    return failure[0] if failure is not None and since < PAUSE else None


def _is_lost(experiment: Experiment) -> bool:
    return experiment.failure is not None and experiment.failure.error in NOBODYS_FAULT


def _failure(experiment: Experiment) -> tuple[str, frozenset[str]] | None:
    """Return how an experiment came to nothing, and what was changed; None when it did not."""
    if experiment.dropped is not None:
        return experiment.dropped, frozenset()
    if experiment.failure is None or experiment.proposal is None:
        return None
    changed = frozenset(one.partition(" → ")[0] for one in experiment.proposal.changed)
    return experiment.failure.error, changed
