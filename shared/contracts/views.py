"""What the REST API answers: views of a job's ledger for people and programs."""

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from shared.contracts.base import Contract, ExperimentId, JobId
from shared.contracts.choice import Choice
from shared.contracts.counsel import Counsel, Proposer
from shared.contracts.job import Budget, JobSpec, MetricName
from shared.contracts.lesson import Lesson
from shared.contracts.plan import JobDraft, Plan
from shared.contracts.proposal import Direction, Gain
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Progress, Trained
from shared.contracts.score import Certificate, Confusion, Fault, Split, UnitFloat

JobState = Literal[
    "planning", "waiting", "searching", "finishing", "finished", "cancelled", "failed"
]
"""``planning`` and ``waiting`` are a draft's: for its plan, then for its user's approval."""

NodeState = Literal[
    "proposing", "queued", "training", "scoring", "short", "done", "failed", "dropped"
]
"""``short``: measured after part of a run, and nothing of it is under way."""


class ScoreView(Contract):
    """A score without its items."""

    metric: MetricName
    """How answers were judged."""

    value: float
    """Mean over the items, in [0, 1]; higher is better."""

    stderr: float | None
    """Standard error of the mean; None for a single item."""

    n: NonNegativeInt
    """Items measured."""

    engine: str
    """What generated the answers."""

    certificate: Certificate | None
    """That the model was served as it was trained; None for one nobody trained here."""


class Comparison(Contract):
    """Two models on the same items."""

    split: Split
    """On which rows."""

    base: ScoreView
    """The base model, or another that the best is compared with."""

    best: ScoreView
    """The experiment handed back."""

    difference: float
    """Best minus base, in the metric's unit."""

    stderr: float | None
    """Standard error of the paired difference; None for a single item."""

    probability: UnitFloat
    """That the best is truly better, for all that these items tell."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference, by the normal approximation."""
        if self.stderr is None:
            return None
        return self.difference - 1.96 * self.stderr, self.difference + 1.96 * self.stderr


class BaselineView(Contract):
    """What the best is compared with beside the base model as it is."""

    name: Literal["few-shot", "reference"]
    """The base model that is shown training rows first, or another model."""

    what: str
    """Which that is, in words."""

    score: ScoreView | None
    """On dev; None while unknown."""

    failed: str | None
    """Why there is no score, when there will be none."""

    comparison: Comparison | None
    """Of the best with it, on dev; None while there is no best."""


class GuardView(Contract):
    """A side task that the best must not be worse at than the base model."""

    name: str
    """Which one."""

    comparison: Comparison | None
    """Of the best with the base model; None when it could not be scored."""

    margin: NonNegativeFloat
    """Loss that still counts as none, in the metric's unit."""

    verdict: Literal["no worse", "worse", "not shown"]
    """``no worse``: the 95 % interval of the difference is above minus the margin. ``worse``: it is
    below zero. ``not shown``: neither, or the base model has no more than the margin to lose."""

    failed: str | None
    """Why it could not be scored."""


class Spent(Contract):
    """What a job has used of its budget."""

    experiments: NonNegativeInt
    """Experiments asked for, dropped proposals not counted."""

    runs: NonNegativeFloat
    """What was launched, in full training runs; a third of a run counts a third."""

    gpu_seconds: NonNegativeFloat
    """Training seconds times devices held, lost attempts included."""

    wall_clock_s: NonNegativeFloat
    """Seconds since submission, or until the end."""

    llm_calls: NonNegativeInt = 0
    """Questions put to the researcher's language model."""

    llm_tokens: NonNegativeInt = 0
    """What it read and wrote together."""

    money: NonNegativeFloat = 0.0
    """What that cost, in the unit of the researcher's price table."""


class ProposerView(Contract):
    """What a proposer was asked for, and what its recipes earned."""

    proposer: Proposer
    """Who."""

    asked: NonNegativeInt
    """Experiments that it was to propose; rules fill in for a model that has nothing of use."""

    recipes: NonNegativeInt
    """Recipes of it that were accepted."""

    dropped: NonNegativeInt
    """Recipes of it that were wrong, repeated or refuted."""

    gain: float | None
    """Mean of its scores minus what is now believed of the parent, or of a usual fresh start, in
    the metric's unit; None before there is one."""

    gain_stderr: NonNegativeFloat | None
    """Standard error of ``gain``; None for fewer than two scores."""

    best: UnitFloat | None
    """Highest score on dev of its experiments; None before there is one."""

    share: UnitFloat
    """Of the next recipes that it is to propose, wherever neither pauses."""


class JobView(Contract):
    """Where a job stands."""

    job_id: JobId
    """Its name."""

    goal: str
    """What the user wants."""

    state: JobState
    """Where it stands."""

    sentence: str
    """What it is doing now and why, in one sentence."""

    submitted_at: float
    """Seconds since 1970, by the server's clock."""

    budget: Budget
    """What it may spend."""

    spent: Spent
    """What it has spent."""

    base: ScoreView | None
    """The base model on dev; None while unknown."""

    best: ScoreView | None
    """The best experiment on dev; None while nothing beats the base model."""

    best_experiment: ExperimentId | None
    """Which experiment that is."""

    baselines: tuple[BaselineView, ...] = ()
    """What else the best is compared with."""

    proposers: tuple[ProposerView, ...] = ()
    """Who proposed, and what it earned; empty where the researcher has no language model."""

    warnings: tuple[str, ...]
    """What a person should look at, each in one sentence."""


class Cost(Contract):
    """What a job may use by its budget."""

    full_runs: PositiveInt
    """Training runs, at most."""

    expected_s: NonNegativeFloat | None
    """Seconds of training that so many runs should take; None when nothing like it was measured."""

    most_s: PositiveFloat
    """Seconds of training after which the limits and the budget end it, on one device."""

    llm_tokens: PositiveInt | None
    """What the researcher's language model may read and write, at most; None for no limit."""

    money: PositiveFloat | None
    """What its questions may cost, at most; None for no limit."""


class PlanView(Contract):
    """A job that left something open, and what is proposed for it."""

    job: JobView
    """Where it stands; after the approval, where the job does."""

    draft: JobDraft
    """What was asked for, and what was left open."""

    plan: Plan | None
    """What is proposed; None while that is under way, and of one that could not be planned."""

    cost: Cost
    """What it may use."""


class NodeView(Contract):
    """A node of the tree in one line."""

    experiment: ExperimentId
    """Its number; 0 is the base model."""

    parent: ExperimentId | None
    """What it was derived from; None for the base model."""

    state: NodeState
    """Where it stands."""

    sentence: str
    """What it is, or why it failed, in one sentence."""

    changed: tuple[str, ...]
    """What differs from the parent."""

    visits: NonNegativeInt
    """Experiments told at or below this node."""

    score: ScoreView | None
    """Its score on dev; None while unknown."""

    fidelity: float | None
    """Share of a full run that was trained for the score; None while there is none."""

    went_on: tuple[float, ...]
    """Shares of a full run after which it was scored before that, and trained further."""

    believed: float | None
    """Full score it is believed to be worth, given the whole tree; None while not measured."""

    deviation: NonNegativeFloat | None
    """Standard deviation of that belief."""

    confirm: ScoreView | None
    """Its latest score on the rows kept for finalists; None when it was not checked."""

    progress: Progress | None
    """Where its present work stands; None when nothing runs for it."""


class RunView(Contract):
    """One run of an experiment."""

    number: NonNegativeInt
    """Within its experiment, counted from 1."""

    fidelity: float
    """Share of a full run it trained to."""

    seed: NonNegativeInt
    """Of the training."""

    outcome: Trained | Failed | None
    """How it ended; None while it has not."""

    score: ScoreView | None
    """On dev."""

    confirm: ScoreView | None
    """On the rows kept for finalists."""


class TreeView(Contract):
    """A job with all its nodes, in the order of their numbers."""

    job: JobView
    """Where the job stands."""

    nodes: tuple[NodeView, ...]
    """The base model first."""


class ExperimentView(Contract):
    """Everything known about one experiment."""

    node: NodeView
    """Its line in the tree."""

    why: str
    """Why the planner asked for it."""

    choice: Choice | None
    """What the search weighed when it asked for it."""

    runs: tuple[RunView, ...]
    """Every run of it: short, longer, and with other seeds."""

    expects: str | None
    """What the proposer expected."""

    proposer: Proposer | None
    """Who proposed it."""

    direction: Direction | None = None
    """What it is mainly about; None of rules."""

    hypothesis: str | None = None
    """Why it should help, as a language model sees it; None of rules."""

    gain: Gain | None = None
    """What it was expected to add to its parent's score; None of rules."""

    falsifier: str | None = None
    """What would show that the hypothesis is wrong; None of rules."""

    predicted_s: NonNegativeFloat | None = None
    """Seconds that a full run was to take; None before the first run has ended."""

    counsel: Counsel | None = None
    """What a language model had to do with the answer that proposed it, and others with it."""

    recipe: Recipe | None
    """What was done."""

    recipe_sha256: str | None
    """The recipe's hash; equal hashes are the same experiment."""

    outcome: Trained | Failed | None
    """How the run ended."""

    faults: tuple[Fault, ...]
    """What is wrong with its answers on dev, the most frequent first."""

    confusions: tuple[Confusion, ...]
    """Labels it answered for others on dev, the most frequent first."""

    lesson: Lesson | None
    """What it taught."""


class KeptCheckpoint(Contract):
    """A checkpoint that is still on disk."""

    experiment: ExperimentId
    """Whose it is."""

    folder: str
    """Where the executors keep it."""


class Report(Contract):
    """What a job hands back. Available while it still runs, then about the best so far."""

    job: JobView
    """Where the job stands."""

    spec: JobSpec
    """What was asked for."""

    best: ExperimentView | None
    """The experiment handed back."""

    checkpoint: str | None
    """Folder of its weights."""

    dev: Comparison | None
    """On the rows the search chose by, so the best is flattered a little."""

    test: Comparison | None
    """On rows opened once; None when the job names no test data or is not over."""

    guards: tuple[GuardView, ...] = ()
    """Side tasks, once they are scored."""

    lessons: tuple[str, ...]
    """What the experiments taught, in order."""

    failures: tuple[str, ...]
    """Experiments that failed, and why."""

    finalists: tuple[NodeView, ...]
    """Experiments that were checked, the most promising first."""

    kept: tuple[KeptCheckpoint, ...] = ()
    """Checkpoints of measured experiments that nobody was asked to remove, the best first."""

    choices: tuple[str, ...]
    """Why the search did what it did, a sentence for each act."""

    markdown: str
    """All of the above for a person."""
