"""Why the planner did what it did: the act it chose, the next best, and the terms of both."""

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt

from shared.contracts.base import Contract, ExperimentId


class Candidate(Contract):
    """An act that was weighed, with the terms of its index."""

    act: Literal["draft", "expand", "promote"]
    """A fresh start, a child of an experiment, or a longer run of one."""

    experiment: ExperimentId
    """The parent of what is asked for, or the experiment to be trained longer."""

    index: float
    """What acts were compared by: expected improvement, less for dear and crowded acts. Below 0
    for an act that `posterior` would not have considered."""

    value: float
    """Expected score of what the act gives, in the metric's unit."""

    deviation: NonNegativeFloat
    """Standard deviation of that score."""

    cost: NonNegativeFloat
    """In full training runs."""

    pending: NonNegativeInt
    """Acts of the same kind at the same place that were under way."""


class Choice(Contract):
    """One decision of the search."""

    chosen: Candidate
    """What was done."""

    runner_up: Candidate | None
    """The next best act; None when there was no other, or the rule weighs none."""

    bar: float
    """Expected score of the best experiment so far, in the metric's unit: what to pass."""
