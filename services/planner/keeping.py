"""Which of the folders that runs have made may still be asked for. Pure.

That are the checkpoints of the best experiments, those of which something is under way or still to
be measured, those that either was trained on from, and what short runs could go on from. What is
none of these is removed, and from then on counts as gone: an experiment without its checkpoint is
neither checked nor handed back, one without what it could go on from is not trained longer, and no
recipe may continue it. So nothing that was removed is ever asked for.
"""

from collections import defaultdict
from collections.abc import Iterable

from services.planner.finish import CHECKED, FINALISTS, SEARCHED, ranked
from services.planner.folders import folders_of
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import ScoreRequest


def unwanted(state: JobState, *, over: bool = False) -> tuple[str, ...]:
    """Return the folders that nothing can ask for any more, the oldest first.

    Args:
        state: all that happened.
        over: whether the search is over and its finalists are checked, so that only what is handed
            back is wanted.
    """
    kept = wanted(state, over=over)
    return tuple(folder for folder in state.folders.there if folder not in kept)


def wanted(state: JobState, *, over: bool = False) -> set[str]:
    """Return the folders that may still be asked for; for the arguments see `unwanted`."""
    if over:
        return _checkpoints(state, still_there(state)[: state.spec.limits.checkpoints])
    best, busy, short = _candidates(state), _busy(state), _short(state)
    branches = _ancestors(state, best | busy | short)
    return (
        _checkpoints(state, best | busy | branches)
        | _resumes(state, short)
        | _unmeasured(state)
        | _in_use(state)
    )


def still_there(state: JobState, last_split: int = CHECKED) -> list[ExperimentId]:
    """Return the measured experiments whose checkpoints nobody was asked to remove, best first.

    Args:
        state: all that happened.
        last_split: `SEARCHED` leaves the checks of finalists out.
    """
    there = state.folders.there
    made = {number: state.experiments[number].made for number in there.values()}
    nodes = [number for number, run in made.items() if run and run.checkpoint in there]
    return ranked(state.search, nodes, state.spec.search.deliver, last_split)


def _candidates(state: JobState) -> set[ExperimentId]:
    """Return those that may be checked or handed back, by their scores with and without checks."""
    count = state.spec.limits.checkpoints
    if state.spec.data.confirm is not None:
        count = max(count, FINALISTS[state.spec.search.deliver])
    return {node for split in (SEARCHED, CHECKED) for node in still_there(state, split)[:count]}


def _busy(state: JobState) -> set[ExperimentId]:
    """Return the experiments something is under way for, or will be; parents of proposals too."""
    busy = {e.id for e in state.experiments.values() if e.proposal is not None and not e.runs}
    for work_id in state.in_flight:
        match state.ordered[work_id]:
            case ProposeRequest(parent=parent):
                busy.add(parent)
            case RunRequest(experiment=number) | ScoreRequest(experiment=number):
                busy.add(number)
            case DiagnoseRequest(experiment=number):
                busy.add(number)
    return busy - {ROOT}


def _short(state: JobState) -> set[ExperimentId]:
    """Return the short runs that may go on.

    Of those that left a folder for it the best of every length, as many as checkpoints stay.
    """
    tree, mean = state.search.tree, state.search.posterior.mean
    found: set[ExperimentId] = set()
    by_length = defaultdict[int, list[ExperimentId]](list)
    for node in tree.short():
        made = state.experiments[node].made
        if tree.running[node] or made is None or made.resume is None:
            found.add(node)
        else:
            by_length[tree.rung[node]].append(node)
    for nodes in by_length.values():
        found |= set(sorted(nodes, key=lambda n: (-mean[n], n))[: state.spec.limits.checkpoints])
    return found


def _in_use(state: JobState) -> set[str]:
    """Return what the work under way names, be it of a run that has gone on since."""
    found: set[str | None] = set()
    for work_id in state.in_flight:
        match state.ordered[work_id]:
            case RunRequest(start_from=start, resume_from=resume):
                found |= {start, resume}
            case ScoreRequest(checkpoint=checkpoint):
                found.add(checkpoint)
    return {folder for folder in found if folder is not None}


def _unmeasured(state: JobState) -> set[str]:
    """Return the folders of runs that are still to be scored."""
    found: set[str] = set()
    for number in set(state.folders.there.values()):
        experiment = state.experiments[number]
        for run in experiment.runs:
            score = run.check if experiment.looks_again(run) else run.score
            if isinstance(run.outcome, Trained) and score is None:
                found |= folders_of(run.outcome)
    return found


def _ancestors(state: JobState, nodes: Iterable[ExperimentId]) -> set[ExperimentId]:
    """Return the experiments whose weights these were trained on, or will be, near and far."""
    found: set[ExperimentId] = set()
    for node in nodes:
        before = _continued(state, node)
        while before is not None and before not in found:
            found.add(before)
            before = _continued(state, before)
    return found


def _continued(state: JobState, node: ExperimentId) -> ExperimentId | None:
    recipe = state.experiments[node].recipe.continues
    return None if recipe is None else state.recipes.get(recipe)


def _checkpoints(state: JobState, nodes: Iterable[ExperimentId]) -> set[str]:
    return {made.checkpoint for node in nodes if (made := state.experiments[node].made)}


def _resumes(state: JobState, nodes: Iterable[ExperimentId]) -> set[str]:
    made = (state.experiments[node].made for node in nodes)
    return {run.resume for run in made if run is not None and run.resume is not None}
