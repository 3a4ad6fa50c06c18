"""What a job's ledger adds up to: `fold`.

Pure: the same entries give the same state, on any machine, at any time. Nothing here decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.planner.tree import ExperimentTree
from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId, digest
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.events import (
    CancelRequested,
    JobEnded,
    JobSubmitted,
    WorkEnded,
    WorkLost,
    WorkOrdered,
)
from shared.contracts.job import JobSpec
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.proposal import Proposal, ProposeRequest
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import Score, ScoreRequest
from shared.contracts.work import Request, Result
from shared.store import Entry


@dataclass(slots=True)
class Experiment:
    """One experiment and what became of it. The base model is number 0 and has no recipe."""

    id: ExperimentId
    parent: ExperimentId | None
    why: str
    proposal: Proposal | None = None
    outcome: Trained | Failed | None = None
    score: Score | None = None
    lesson: Lesson | None = None
    dropped: str | None = None
    """Why it was given up before it ran; dropped experiments cost no budget."""

    @property
    def failure(self) -> Failed | None:
        """How it failed, if it did."""
        return self.outcome if isinstance(self.outcome, Failed) else None


@dataclass(slots=True)
class JobState:
    """A job after some of its entries. Grows with `apply`; never changed otherwise."""

    job_id: JobId
    spec: JobSpec
    submitted_at: float
    tree: ExperimentTree
    cursor: str
    """Id of the last entry applied."""
    brief: Brief | None = None
    experiments: dict[ExperimentId, Experiment] = field(default_factory=dict)
    ordered: dict[WorkId, Request] = field(default_factory=dict)
    in_flight: set[WorkId] = field(default_factory=set)
    """Work that was ordered and has not ended."""
    recipes: dict[str, ExperimentId] = field(default_factory=dict)
    """Hash of every recipe accepted so far."""
    test_scores: dict[ExperimentId, Score | Failed] = field(default_factory=dict)
    gpu_seconds: float = 0.0
    preparation_failed: Failed | None = None
    """Why the base model or the training data cannot be used."""
    cancel_requested: bool = False
    ended: JobEnded | None = None
    ended_at: float | None = None

    @property
    def asked(self) -> int:
        """Experiments that count against the budget."""
        return sum(1 for e in self.experiments.values() if e.id != ROOT and e.dropped is None)

    @property
    def base_score(self) -> Score | None:
        """The base model on dev."""
        return self.experiments[ROOT].score

    def best(self) -> Experiment | None:
        """Return the experiment with the highest dev score, if it beats the base model's.

        Of equals the older one, so that the answer does not change without a reason.
        """
        base = self.base_score
        scored = [e for e in self.experiments.values() if e.score is not None and e.id != ROOT]
        best = max(scored, key=lambda e: (_value(e), -e.id), default=None)
        if best is None or base is None or _value(best) <= base.value:
            return None
        return best

    def apply(self, entry: Entry) -> None:
        """Take in the next entry. An answer to work that has ended already changes nothing."""
        self.cursor = entry.id
        match entry.event:
            case WorkOrdered(work_id=work_id, request=request, why=why):
                self._ordered(work_id, request, why)
            case WorkEnded(work_id=work_id, result=result):
                if work_id in self.in_flight:
                    self.in_flight.remove(work_id)
                    self._ended(work_id, self.ordered[work_id], result)
            case WorkLost(work_id=work_id, held_s=held_s):
                if self.ordered[work_id].kind == "run":
                    self.gpu_seconds += held_s
            case CancelRequested():
                self.cancel_requested = True
            case JobEnded() as ended:
                self.ended, self.ended_at = ended, entry.at
            case JobSubmitted():
                pass  # made this state

    def _ordered(self, work_id: WorkId, request: Request, why: str) -> None:
        self.ordered[work_id] = request
        self.in_flight.add(work_id)
        if request.kind == "propose":
            number = self.tree.expand(request.parent)
            self.experiments[number] = Experiment(number, request.parent, why)

    def _ended(self, work_id: WorkId, request: Request, result: Result) -> None:
        match request:
            case BriefRequest() if isinstance(result, Brief):
                self.brief = result
            case BriefRequest() if isinstance(result, Failed):
                self._cannot_begin(result)
            case ProposeRequest() if isinstance(result, Proposal | Failed):
                self._proposed(self.experiments[request.experiment], result)
            case RunRequest() if isinstance(result, Trained | Failed):
                self._ran(self.experiments[request.experiment], result)
            case ScoreRequest() if isinstance(result, Score | Failed):
                self._scored(request, result)
            case DiagnoseRequest() if isinstance(result, Lesson):
                self.experiments[request.experiment].lesson = result
            case DiagnoseRequest() if isinstance(result, Failed):
                pass  # a missing lesson stops nothing
            case _:
                raise TypeError(f"{work_id}: {result.kind} is no answer to {request.kind}")

    def _cannot_begin(self, failed: Failed) -> None:
        # The first failure is the reason; the second may be that the other work was then cancelled.
        self.preparation_failed = self.preparation_failed or failed

    def _proposed(self, experiment: Experiment, result: Proposal | Failed) -> None:
        if isinstance(result, Proposal):
            twin = self.recipes.setdefault(digest(result.recipe), experiment.id)
            if twin == experiment.id:
                experiment.proposal = result
                return
            experiment.dropped = f"the same recipe as #{twin}"
        else:
            experiment.dropped = result.detail
        self.tree.drop(experiment.id)

    def _ran(self, experiment: Experiment, outcome: Trained | Failed) -> None:
        experiment.outcome = outcome
        self.gpu_seconds += outcome.gpu_seconds
        if isinstance(outcome, Failed):
            self.tree.tell(experiment.id, 0.0, failed=True)

    def _scored(self, request: ScoreRequest, result: Score | Failed) -> None:
        experiment = self.experiments[request.experiment]
        if request.split == "test":
            self.test_scores[experiment.id] = result
        elif isinstance(result, Score):
            experiment.score = result
            self.tree.tell(experiment.id, reward_of(result))
        elif experiment.id == ROOT:
            self._cannot_begin(result)
        else:
            experiment.outcome = result
            self.tree.tell(experiment.id, 0.0, failed=True)


def fold(entries: Iterable[Entry]) -> JobState:
    """Return the state of a job from all its entries.

    Raises:
        ValueError: the first entry is not `JobSubmitted`.
    """
    state: JobState | None = None
    for entry in entries:
        if state is not None:
            state.apply(entry)
        elif isinstance(entry.event, JobSubmitted):
            state = _opened(entry, entry.event)
        else:
            break
    if state is None:
        raise ValueError("a ledger begins with job_submitted")
    return state


def reward_of(score: Score) -> float:
    """Return what the tree learns from a score: its value, since every metric is in [0, 1]."""
    return score.value


def _opened(entry: Entry, event: JobSubmitted) -> JobState:
    search = event.spec.search
    tree = ExperimentTree(exploration=search.exploration, width=search.width, mode=search.mode)
    state = JobState(event.job_id, event.spec, entry.at, tree, entry.id)
    state.experiments[ROOT] = Experiment(ROOT, None, "the base model, untouched")
    return state


def _value(experiment: Experiment) -> float:
    return -1.0 if experiment.score is None else experiment.score.value
