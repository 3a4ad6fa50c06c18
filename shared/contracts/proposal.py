"""A proposal: what the researcher would try next, and what it expects."""

from typing import Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.brief import Brief, ProposalContext
from shared.contracts.counsel import Caps, Counsel, Proposer
from shared.contracts.lesson import Lesson
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from shared.contracts.score import Confusion, Fault

Direction: TypeAlias = Literal["data", "method", "hyperparameters", "debugging", "combination"]
"""What an experiment is mainly about: which rows and in which form; which training method or
adapter; numbers; mending what failed; joining what helped elsewhere in the tree."""


class Finding(Contract):
    """An earlier experiment as the researcher sees it."""

    experiment: ExperimentId
    """Its number."""

    parent: ExperimentId
    """What it was derived from."""

    recipe: Recipe
    """What was done."""

    outcome: Trained | Failed | None = Field(default=None, discriminator="kind")
    """How its run ended; None while it is still under way."""

    value: float | None = None
    """Its score on dev in [0, 1]; None while unknown."""

    stderr: float | None = None
    """Standard error of ``value``."""

    lesson: Lesson | None = None
    """What it taught; None while unknown."""

    kept: bool = True
    """Whether its checkpoint, if it has one, is still there for a recipe to continue."""

    proposer: Proposer = "rules"
    """Who proposed it."""

    hypothesis: str | None = None
    """What its proposer thought; None of rules."""

    faults: tuple[Fault, ...] = ()
    """What is wrong with its answers on dev, the most frequent first."""

    confusions: tuple[Confusion, ...] = ()
    """Labels it answered for others on dev, the most frequent first."""


class Left(Contract):
    """What is left of a job's budget."""

    experiments: NonNegativeFloat
    """In full training runs."""

    gpu_seconds: NonNegativeFloat | None = None
    """Of training; None for no limit."""

    wall_clock_s: NonNegativeFloat | None = None
    """Until the best is handed back; None for no limit."""


class ProposeRequest(Versioned):
    """Propose experiments below a node of the tree."""

    kind: Literal["propose"] = "propose"

    job_id: JobId
    """Which job."""

    experiments: tuple[ExperimentId, ...] = Field(min_length=1)
    """The numbers the new experiments will have, one recipe for each, no two alike."""

    parent: ExperimentId
    """What to derive them from; `ROOT` asks for a fresh start from the base model."""

    context: ProposalContext
    """What to keep to."""

    brief: Brief
    """What is known of the job."""

    base_value: float
    """Score of the base model on dev, in [0, 1]."""

    findings: tuple[Finding, ...]
    """Every earlier experiment, the ones under way included, in order of their numbers. Left out of
    the ledger, whose entries they are made of."""

    proposers: tuple[Proposer, ...] = ()
    """Who shall propose each of the experiments; empty leaves it to the researcher. Rules stand in
    for a language model that is away or has nothing of use."""

    awaited: NonNegativeInt = 0
    """Experiments below the same parent that were asked for before, not of rules, and have no
    recipe yet: a model that says the same to the same question goes on behind so many."""

    left: Left | None = None
    """What is left of the budget; None where nobody said."""

    caps: Caps = Caps()
    """What a language model may cost the whole job."""


class Gain(Contract):
    """What a proposer expects an experiment to add to its parent's score, in the metric's unit."""

    low: float
    """Nine of ten such experiments should do better."""

    mean: float
    """On average."""

    high: float
    """One of ten should do better."""


class Proposal(Contract):
    """A recipe with the reason for it."""

    recipe: Recipe
    """What to do."""

    changed: tuple[str, ...]
    """What differs from the parent, for example ``learning_rate 0.0002 → 0.001``."""

    expects: str
    """One sentence: what should happen, and why."""

    proposer: Proposer
    """Who proposed it."""

    direction: Direction | None = None
    """What it is mainly about; None of rules."""

    hypothesis: str | None = None
    """Why it should help, in a sentence or two; None of rules."""

    gain: Gain | None = None
    """What it is expected to add; None of rules."""

    falsifier: str | None = None
    """What would show that the hypothesis is wrong, in one sentence; None of rules."""

    predicted_s: NonNegativeFloat | None = None
    """Seconds that a full run should take; None before the first run has ended."""

    promise: PositiveFloat = 1.0
    """How worthwhile more experiments below it look to the proposer, 1 for as any other."""


class Proposals(Contract):
    """What the researcher would try next, at least one recipe."""

    kind: Literal["proposals"] = "proposals"

    proposals: tuple[Proposal, ...] = Field(min_length=1)
    """In the order of the experiments asked for; fewer when no more was new."""

    counsel: Counsel | None = None
    """What a language model had to do with them; None when none was asked."""
