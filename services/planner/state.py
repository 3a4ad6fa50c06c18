"""What a job's ledger adds up to: `fold`.

Pure: the same entries give the same state, on any machine, at any time. Nothing here decides.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.planner.able import Able, refusal
from services.planner.advice import Advice
from services.planner.costs import in_mean_runs, learn_costs
from services.planner.experiment import Experiment, Run, is_baseline, number_of
from services.planner.finish import CHECKED, SEARCHED, delivered
from services.planner.folders import Folders
from services.planner.noise import shared_correlation
from services.planner.search import ExperimentSearch, SearchRules
from services.planner.tree import Observation
from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId, digest
from shared.contracts.brief import Brief, BriefRequest, ProposalContext
from shared.contracts.choice import Choice
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.events import (
    CancelRequested,
    JobDrafted,
    JobEnded,
    JobSubmitted,
    WorkEnded,
    WorkLost,
    WorkOrdered,
)
from shared.contracts.job import Fidelity, JobSpec, Search
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.proposal import Proposal, Proposals, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import NOBODYS_FAULT, Failed, RunRequest, Trained
from shared.contracts.score import Score, ScoreRequest
from shared.contracts.work import Request, Result
from shared.errors import NotCertified
from shared.store import Entry

RUNGS = (1 / 9, 1 / 3, 1.0)
"""Shares of a full run when there is a cheaper first look."""

_COSTS_AGAIN = 1.25  # costs are learned anew whenever there are a quarter more full runs


@dataclass(slots=True)
class JobState:
    """A job after some of its entries. Grows with `apply`; never changed otherwise."""

    job_id: JobId
    spec: JobSpec
    submitted_at: float
    search: ExperimentSearch
    cursor: str
    """Id of the last entry applied."""
    told_at: float
    """When that was written: seconds since 1970."""
    brief: Brief | None = None
    experiments: dict[ExperimentId, Experiment] = field(default_factory=dict)
    ordered: dict[WorkId, Request] = field(default_factory=dict)
    in_flight: set[WorkId] = field(default_factory=set)
    """Work that was ordered and has not ended."""
    recipes: dict[str, ExperimentId] = field(default_factory=dict)
    """Hash of every recipe accepted so far."""
    choices: dict[WorkId, tuple[str, Choice]] = field(default_factory=dict)
    """Why each act of the search was taken, and what was weighed."""
    test_scores: dict[ExperimentId, Score | Failed] = field(default_factory=dict)
    test_opened_at: float | None = None
    """When the first of them was told: seconds since 1970."""
    baselines: dict[WorkId, Score | Failed] = field(default_factory=dict)
    """What else the best is compared with, on dev."""
    guards: dict[tuple[str, ExperimentId], Score | Failed] = field(default_factory=dict)
    """Side tasks, by name and by whom they were scored for."""
    folders: Folders = field(default_factory=Folders)
    """What the runs have left on disk."""
    advice: Advice = field(default_factory=Advice)
    """What the researcher's language model had to do with it."""
    runs: float = 0.0
    """What was launched, in full training runs."""
    gpu_seconds: float = 0.0
    preparation_failed: Failed | None = None
    """Why the base model or the training data cannot be used."""
    cancel_requested: bool = False
    ended: JobEnded | None = None
    ended_at: float | None = None
    _full_runs: int = 0
    _costs_known_at: int = 0

    @property
    def asked(self) -> int:
        """Experiments that were not dropped before they ran."""
        return sum(1 for e in self.experiments.values() if e.id != ROOT and e.dropped is None)

    @property
    def base_score(self) -> Score | None:
        """The base model on dev."""
        return self.experiments[ROOT].base_score

    @property
    def awaited(self) -> set[WorkId]:
        """Work under way whose answer the job waits for: all but making room."""
        return self.in_flight - self.folders.removing.keys()

    @property
    def gone(self) -> frozenset[ExperimentId]:
        """Experiments whose checkpoints were removed."""
        if not self.folders.gone:
            return frozenset()
        made = ((e.id, e.made) for e in self.experiments.values())
        return frozenset(n for n, run in made if run and run.checkpoint in self.folders.gone)

    def best(self) -> Experiment | None:
        """Return the experiment to hand back, if its dev score beats the base model's."""
        number = delivered(self.search, self.spec.search.deliver, self.gone)
        base = self.base_score
        if number is None or base is None:
            return None
        best = self.experiments[number]
        return best if best.score is not None and best.score.value > base.value else None

    def is_about(self, work_id: WorkId, experiment: ExperimentId) -> bool:
        """Whether a piece of work is a run or a score of an experiment."""
        request = self.ordered.get(work_id)
        return isinstance(request, RunRequest | ScoreRequest) and request.experiment == experiment

    def apply(self, entry: Entry) -> None:
        """Take in the next entry. An answer to work that has ended already changes nothing."""
        self.cursor, self.told_at = entry.id, entry.at
        match entry.event:
            case WorkOrdered(work_id=work_id, request=request, why=why, choice=choice):
                self.ordered[work_id] = request
                self.in_flight.add(work_id)
                if choice is not None:
                    self.choices[work_id] = (why, choice)
                if isinstance(request, DiscardRequest):
                    self._discards(work_id, request, entry.at)
                self._ordered(work_id, request, why, choice)
            case WorkEnded(work_id=work_id, result=result):
                if work_id in self.in_flight:
                    self.in_flight.remove(work_id)
                    self._ended(work_id, self.ordered[work_id], result)
                    if self.test_scores and self.test_opened_at is None:
                        self.test_opened_at = entry.at
            case WorkLost(work_id=work_id, held_s=held_s):
                if self.ordered[work_id].kind == "run":
                    self.gpu_seconds += held_s
            case CancelRequested():
                self.cancel_requested = True
            case JobEnded() as ended:
                self.ended, self.ended_at = ended, entry.at
            case JobDrafted() | JobSubmitted():
                pass  # made this state

    def _ordered(self, work_id: WorkId, request: Request, why: str, choice: Choice | None) -> None:
        match request:
            case ProposeRequest(parent=parent):
                for place, _ in enumerate(request.experiments):
                    number = self.search.expand(parent)
                    asked = request.proposers[place] if request.proposers else None
                    self.experiments[number] = Experiment(number, parent, why, choice, asked)
            case RunRequest():
                replicate = work_id.startswith("replicate-")
                self._launched(self.experiments[request.experiment], request, replicate=replicate)
            case DiagnoseRequest(experiment=number):
                self.experiments[number].diagnosed.add(number_of(work_id))
            case _:
                pass  # takes nothing from the search

    def _discards(self, work_id: WorkId, request: DiscardRequest, at: float) -> None:
        """Let nothing that is to come count on what is removed from now on."""
        folders = self.folders
        owners = {folders.there[one] for one in request.folders if one in folders.there}
        folders.ask(work_id, request, at)
        for number in owners:
            made = self.experiments[number].made
            if made is not None and made.resume in folders.gone:
                self.search.settle(number)
        for experiment in self.experiments.values():
            why = None if experiment.proposal is None else self._lost_start(experiment.recipe)
            if why is not None and experiment.runs:
                self.search.settle(experiment.id)
            elif why is not None:  # accepted while the planner decided what to remove
                experiment.proposer = None
                self._give_up(experiment, why)

    def _launched(self, experiment: Experiment, request: RunRequest, *, replicate: bool) -> None:
        rungs = self.search.rules.rungs
        share = min(request.step_share, request.data_share)
        rung = min(range(len(rungs)), key=lambda r: abs(rungs[r] - share))
        paid = share
        if request.resume_from is not None and experiment.measured is not None:
            paid -= rungs[experiment.measured.rung]
        seed = request.recipe.seed
        number = len(experiment.runs) + 1
        experiment.runs.append(Run(number, rung, seed, paid, replicate))
        self.runs += paid
        if len(experiment.runs) > 1:
            self.search.begin(experiment.id)

    def _ended(self, work_id: WorkId, request: Request, result: Result) -> None:
        self.advice.take(result)
        match request:
            case BriefRequest() if isinstance(result, Brief):
                self.brief = result
            case BriefRequest() if isinstance(result, Failed):
                self._cannot_begin(result)
            case ProposeRequest() if isinstance(result, Proposals | Failed):
                self._proposed(request, result)
            case RunRequest() if isinstance(result, Trained | Failed):
                experiment = self.experiments[request.experiment]
                self._ran(experiment, experiment.runs[number_of(work_id) - 1], result)
            case ScoreRequest() if isinstance(result, Score | Failed):
                self._scored(work_id, request, result)
            case DiagnoseRequest() if isinstance(result, Lesson):
                self.experiments[request.experiment].lesson = result
            case DiagnoseRequest() if isinstance(result, Failed):
                pass  # a missing lesson stops nothing
            case DiscardRequest() if isinstance(result, Discarded | Failed):
                self.folders.answer(work_id, request, result)
            case _:
                raise TypeError(f"{work_id}: {result.kind} is no answer to {request.kind}")

    def _cannot_begin(self, failed: Failed) -> None:
        # The first failure is the reason; the second may be that the other work was then cancelled.
        self.preparation_failed = self.preparation_failed or failed

    def _proposed(self, request: ProposeRequest, result: Proposals | Failed) -> None:
        proposals = result.proposals if isinstance(result, Proposals) else ()
        for place, number in enumerate(request.experiments):
            experiment = self.experiments[number]
            experiment.counsel = result.counsel if isinstance(result, Proposals) else None
            if place < len(proposals):
                self._accept(experiment, proposals[place], request.context)
                continue
            fewer = "the researcher had nothing more that was new below this"
            self._give_up(experiment, result.detail if isinstance(result, Failed) else fewer)

    def checkpoint_of(self, recipe: str) -> str | None:
        """Return what the longest run of a recipe, named by its digest, made; None without any."""
        experiment = self.recipes.get(recipe)
        made = None if experiment is None else self.experiments[experiment].made
        return None if made is None else made.checkpoint

    def _accept(self, experiment: Experiment, proposal: Proposal, context: ProposalContext) -> None:
        experiment.proposer = proposal.proposer
        why = self._lost_start(proposal.recipe)
        if why is not None:
            if self.checkpoint_of(proposal.recipe.continues or "") is not None:
                experiment.proposer = None  # the planner had it removed
            self._give_up(experiment, why)
            return
        why = refusal(proposal.recipe, Able(context.machines, context.adapters_only))
        if why is not None:
            self._give_up(experiment, why)
            return
        twin = self.recipes.setdefault(digest(proposal.recipe), experiment.id)
        if twin == experiment.id:
            experiment.proposal = proposal
            self.search.trust(experiment.id, proposal.promise)
            return
        experiment.dropped = f"the same recipe as #{twin}"
        self.search.alias(experiment.id, twin)

    def _lost_start(self, recipe: Recipe) -> str | None:
        """Return why a recipe cannot go on from where it is to; None when it can, or need not."""
        if recipe.continues is None:
            return None
        start = self.checkpoint_of(recipe.continues)
        if start is not None and start not in self.folders.gone:
            return None
        why = "was not trained" if start is None else "has left no checkpoint: it was removed"
        return f"the recipe that it goes on from, {recipe.continues[:12]}, {why}"

    def _give_up(self, experiment: Experiment, why: str) -> None:
        if experiment.proposal is not None:
            del self.recipes[digest(experiment.recipe)]
        experiment.proposal, experiment.dropped = None, why
        self.search.drop(experiment.id)

    def _ran(self, experiment: Experiment, run: Run, outcome: Trained | Failed) -> None:
        run.outcome = outcome
        self.gpu_seconds += outcome.gpu_seconds
        if isinstance(outcome, Trained):
            self.folders.make(experiment.id, outcome)
        else:
            self._failed(experiment, outcome)

    def _failed(self, experiment: Experiment, failed: Failed) -> None:
        if failed.error in NOBODYS_FAULT:
            self.search.lose(experiment.id)
        else:
            diverged = failed.error == "Diverged"
            self.search.fail(experiment.id, "diverged" if diverged else "broken")

    def _scored(self, work_id: WorkId, request: ScoreRequest, result: Score | Failed) -> None:
        experiment, number = self.experiments[request.experiment], number_of(work_id)
        if isinstance(result, Score):
            result = _certified(experiment, _finite(result))
        if request.split == "test":
            self.test_scores[experiment.id] = result
        elif request.split == "guard":
            self.guards[request.data, experiment.id] = result
        elif is_baseline(work_id):
            self.baselines[work_id] = result
        elif experiment.id == ROOT and isinstance(result, Failed):
            self._cannot_begin(result)
        elif experiment.id == ROOT and isinstance(result, Score):
            experiment.base_score = result
            self._tell(experiment, self._full, 0, SEARCHED, result)
        elif request.split == "confirm":
            run = experiment.runs[number - 1]
            run.check = result
            if isinstance(result, Score):
                self._tell(experiment, run.rung, run.seed, CHECKED, result)
            elif not run.score:
                self._failed(experiment, result)
        elif isinstance(result, Failed):
            experiment.runs[number - 1].outcome = result
            self._failed(experiment, result)
        else:
            self._measured(experiment, experiment.runs[number - 1], result)

    def _measured(self, experiment: Experiment, run: Run, score: Score) -> None:
        run.score = score
        self._tell(experiment, run.rung, run.seed, SEARCHED, score)
        if run.rung == self._full:
            self._compare_with_parent(experiment, score)
            self._learn_costs()

    @property
    def _full(self) -> int:
        return len(self.search.rules.rungs) - 1

    def _tell(self, experiment: Experiment, rung: int, seed: int, split: int, score: Score) -> None:
        """Tell the search. A short run is judged by how likely it finds the right answers."""
        value = score.value
        if rung < self._full and score.likelihood is not None:
            value = score.likelihood
        # A single item says nothing about its own error: take the widest a score in [0, 1] has.
        variance = 0.25 if score.stderr is None else score.stderr**2
        observation = Observation(rung, value, variance, seed=seed, split=split)
        self.search.tell(experiment.id, observation)

    def _compare_with_parent(self, experiment: Experiment, score: Score) -> None:
        parent = self.experiments[experiment.parent or ROOT]
        if parent.score is None or parent.id == ROOT:
            return
        correlation = shared_correlation(score, parent.score)
        if correlation is not None:
            self.search.compare(correlation)

    def _learn_costs(self) -> None:
        self._full_runs += 1
        if self.brief is None or self._full_runs < _COSTS_AGAIN * self._costs_known_at:
            return
        self._costs_known_at = self._full_runs
        proposed = [e for e in self.experiments.values() if e.proposal is not None]
        measured = [
            (e.recipe, seconds) for e in proposed for seconds in full_seconds(e, self._full)
        ]
        costs = learn_costs(measured, self.brief)
        if costs is None:
            return
        relative = in_mean_runs(costs, (e.recipe for e in proposed), self.brief)
        self.search.expect_costs(dict(zip((e.id for e in proposed), relative, strict=True)))


def _finite(score: Score) -> Score | Failed:
    """Return a score, or a failure in place of one with which nobody can reckon."""
    measured = (score.value, score.stderr or 0.0, score.likelihood or 0.0)
    if all(math.isfinite(one) for one in measured):
        return score
    return Failed(
        error="ScoringFailed",
        detail=f"wanted a finite score, found {score.value} ± {score.stderr}; look at the metric",
    )


def _certified(experiment: Experiment, score: Score | Failed) -> Score | Failed:
    """Return a score, or a failure in place of one that may be of a model nobody trained."""
    if isinstance(score, Failed) or experiment.id == ROOT or score.certificate is not None:
        return score
    return Failed(
        error=NotCertified.__name__,
        detail="wanted a certificate that the checkpoint was served as it was trained, found a "
        "score without; score it with an evaluator that makes them",
    )


def full_seconds(experiment: Experiment, full: int) -> list[float]:
    """Return the device-seconds of each full run of an experiment, with what led up to it."""
    seconds = 0.0
    found = []
    for run in experiment.runs:
        if not isinstance(run.outcome, Trained):
            continue
        seconds = run.outcome.gpu_seconds + (seconds if run.share < 1.0 else 0.0)
        if run.rung == full:
            found.append(seconds)
    return found


def fold(entries: Iterable[Entry]) -> JobState:
    """Return the state of a job from all its entries; those before `JobSubmitted` are of its draft.

    Of those only what the plan cost counts.

    Raises:
        ValueError: nobody has submitted it.
    """
    state: JobState | None = None
    advice = Advice()
    for entry in entries:
        if state is not None:
            state.apply(entry)
        elif isinstance(entry.event, JobSubmitted):
            state = opened(entry, entry.event, advice)
        elif isinstance(entry.event, WorkEnded):
            advice.take(entry.event.result)
    if state is None:
        raise ValueError("a job begins with job_submitted")
    return state


def search_rules(search: Search, budget: float) -> SearchRules:
    """Return how a job's tree is grown."""
    return SearchRules(
        mode=search.mode,
        exploration=search.exploration,
        backup=search.backup,
        width=search.width,
        rungs=(1.0,) if search.fidelity is Fidelity.OFF else RUNGS,
        budget=budget,
    )


def opened(entry: Entry, event: JobSubmitted, advice: Advice) -> JobState:
    """Return the state of a job that has just been submitted; ``advice`` is that on its plan."""
    rules = search_rules(event.spec.search, event.spec.budget.experiments)
    search = ExperimentSearch(rules)
    state = JobState(event.job_id, event.spec, entry.at, search, entry.id, entry.at, advice=advice)
    state.experiments[ROOT] = Experiment(ROOT, None, "the base model, untouched")
    return state
