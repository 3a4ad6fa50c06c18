"""An experiment and its runs: a recipe may be run short, then longer, then with another seed."""

from dataclasses import dataclass, field
from typing import Literal

from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.choice import Choice
from shared.contracts.counsel import Counsel, Proposer
from shared.contracts.lesson import Lesson
from shared.contracts.proposal import Proposal
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from shared.contracts.score import Score

Piece = Literal[
    "run", "replicate", "score", "check", "test", "few-shot", "reference", "guard", "diagnose"
]


@dataclass(slots=True)
class Run:
    """One run of an experiment's recipe and what became of it."""

    number: int
    """Within its experiment, counted from 1."""
    rung: int
    """Of the search's rungs, counted from 0, the cheapest."""
    seed: int
    share: float
    """Of a full run, that it costs."""
    replicate: bool = False
    """Whether it only measures what another seed does to the score."""
    outcome: Trained | Failed | None = None
    score: Score | None = None
    """On dev."""
    check: Score | Failed | None = None
    """On the rows kept for finalists."""


@dataclass(slots=True)
class Experiment:
    """One experiment and what became of it. The base model is number 0 and has no recipe."""

    id: ExperimentId
    parent: ExperimentId | None
    why: str
    choice: Choice | None = None
    asked: Proposer | None = None
    """Who was to propose it; None when that was left to the researcher."""
    proposer: Proposer | None = None
    """Who did; None before that, and when nobody had anything new."""
    proposal: Proposal | None = None
    counsel: Counsel | None = None
    """What a language model had to do with the answer that proposed it, others included."""
    runs: list[Run] = field(default_factory=list)
    base_score: Score | None = None
    """Of the base model, which was never run."""
    diagnosed: set[int] = field(default_factory=set)
    """Numbers of the runs that the researcher was asked about: of themselves, nothing else follows.
    """
    lesson: Lesson | None = None
    dropped: str | None = None
    """Why it was given up before it ran; dropped experiments cost no budget."""

    @property
    def recipe(self) -> Recipe:
        """What to do. Only of experiments that have a proposal."""
        assert self.proposal is not None
        return self.proposal.recipe

    @property
    def line(self) -> list[Run]:
        """The runs of the recipe as it was proposed, each going further than the one before."""
        return [run for run in self.runs if run.seed == self.recipe.seed]

    def looks_again(self, run: Run) -> bool:
        """Whether a run is a finalist's with another seed, to be checked and not searched by."""
        return run.seed != self.recipe.seed and not run.replicate

    @property
    def measured(self) -> Run | None:
        """The longest run of the line that has a score."""
        if not self.runs:
            return None
        seed = self.recipe.seed
        return next((run for run in reversed(self.runs) if run.score and run.seed == seed), None)

    @property
    def made(self) -> Trained | None:
        """What that run made; None before there is one."""
        run = self.measured
        return run.outcome if run is not None and isinstance(run.outcome, Trained) else None

    @property
    def score(self) -> Score | None:
        """On dev: of the longest run, or of the base model."""
        run = self.measured
        return self.base_score if run is None else run.score

    @property
    def outcome(self) -> Trained | Failed | None:
        """How the latest run of the line ended; None while none has."""
        return (
            next((r.outcome for r in reversed(self.line) if r.outcome), None) if self.runs else None
        )

    @property
    def failure(self) -> Failed | None:
        """How it failed, if it did."""
        outcome = self.outcome
        return outcome if isinstance(outcome, Failed) else None


def piece(kind: Piece, experiment: ExperimentId, number: int = 1) -> WorkId:
    """Name a piece of work on an experiment's run, for example ``run-3``, ``score-3.2``."""
    return WorkId(f"{kind}-{experiment}" if number == 1 else f"{kind}-{experiment}.{number}")


def number_of(work_id: WorkId) -> int:
    """Return which run of its experiment a piece of work is about."""
    _, dot, number = work_id.rpartition(".")
    return int(number) if dot else 1


def is_baseline(work_id: WorkId) -> bool:
    """Whether a piece of work scores what the best is compared with beside the base as it is."""
    return work_id in (piece("few-shot", ROOT), piece("reference", ROOT))
