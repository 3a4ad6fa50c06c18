"""A proposal: what the researcher would try next, and what it expects."""

from typing import Literal

from pydantic import Field, PositiveFloat

from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.brief import Brief, ProposalContext
from shared.contracts.lesson import Lesson
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained


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
    """Every earlier experiment, the ones under way included, in order of their numbers."""


class Proposal(Contract):
    """A recipe with the reason for it."""

    recipe: Recipe
    """What to do."""

    changed: tuple[str, ...]
    """What differs from the parent, for example ``learning_rate 0.0002 → 0.001``."""

    expects: str
    """One sentence: what should happen, and why."""

    proposer: str
    """Who proposed it, for example ``rules``."""

    promise: PositiveFloat = 1.0
    """How worthwhile more experiments below it look to the proposer, 1 for as any other."""


class Proposals(Contract):
    """What the researcher would try next, at least one recipe."""

    kind: Literal["proposals"] = "proposals"

    proposals: tuple[Proposal, ...] = Field(min_length=1)
    """In the order of the experiments asked for; fewer when no more was new."""
