"""Runs that measure once, early on, what a training seed does to a score. Pure.

It is the first recipe measured in full that is run again. These runs come before what the search
would do next and beside what it has under way; one that fails is not made up for.
"""

from services.planner.experiment import Experiment
from services.planner.state import JobState
from shared.contracts.job import JobSpec

REPLICATES = 2
"""Such runs, unless the job says how many."""

_WORTH_MEASURING = 20  # full runs from which that measurement is paid for unasked


def replicated(state: JobState) -> Experiment | None:
    """Return whose seed is varied: the first one measured in full that began at the base model."""
    full = len(state.search.rules.rungs) - 1
    able = [
        e
        for e in state.experiments.values()
        if e.measured is not None and e.measured.rung == full and e.recipe.continues is None
    ]
    begun = (e for e in able if any(run.replicate for run in e.runs))
    return next(begun, able[0] if able else None)


def replicates_left(state: JobState) -> int:
    """Return how many of the runs are still to be launched, as far as the budget pays for them."""
    wanted = _wanted(state.spec)
    if not wanted:
        return 0
    begun = sum(run.replicate for e in state.experiments.values() for run in e.runs)
    paid_for = int(state.spec.budget.experiments - state.runs + 1e-9)
    return max(0, min(wanted - begun, paid_for))


def _wanted(spec: JobSpec) -> int:
    budget, wanted = spec.budget.experiments, spec.search.replicates
    if wanted is None:
        wanted = REPLICATES if budget >= _WORTH_MEASURING else 0
    return min(wanted, budget - 1)
