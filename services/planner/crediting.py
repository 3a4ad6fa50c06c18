"""Who proposes: what the recipes of rules and of a language model earned decides. Pure.

An experiment earns what it scored above what could be expected where it was tried, in deviations of
that: above its parent's believed value and the usual step from there, or above the usual fresh
start. One that failed, or was dropped because it was wrong or repeated another, earns `WORST`.
"""

import math
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Mapped
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from types import MappingProxyType
from typing import get_args

from services.planner.experiment import Experiment
from services.planner.pausing import paused
from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.counsel import Proposer
from shared.contracts.run import NOBODYS_FAULT

WORST = -2.0
"""What a recipe earns that came to nothing, and the least that any earns, in deviations."""

LEAST = 0.2
"""Share that either proposer keeps, so that it can show that it has become better."""

BEFORE: Mapped[Proposer, float] = MappingProxyType({"rules": 0.0, "llm": -0.5})
"""What each is believed to earn before its first recipe, as if one had earned that: rules were
measured on many jobs, a model that is new has shown nothing yet."""

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Record:
    """What a proposer was asked for, and what came of it."""

    proposer: Proposer
    asked: int
    """Experiments that it was to propose."""
    recipes: int
    """Recipes of it that were accepted."""
    dropped: int
    """Recipes of it that were wrong, repeated or refuted."""
    gains: tuple[float, ...]
    """Scores of its experiments minus what is now believed of the place, in the metric's unit."""
    earned: tuple[float, ...]
    """Of each that came to something or nothing, in deviations of what could be expected."""
    best: float | None
    """Highest score on dev of its experiments."""

    @property
    def gain(self) -> tuple[float, float | None] | None:
        """Mean of `gains` and its standard error; None without any."""
        if not self.gains:
            return None
        n = len(self.gains)
        return fmean(self.gains), stdev(self.gains) / math.sqrt(n) if n > 1 else None

    @property
    def worth(self) -> NormalDist:
        """Belief about what the next recipe earns on average.

        Source: normal mean with known variance, Gelman et al., "Bayesian Data Analysis", 3rd
        edition, section 2.5.
        """
        n = 1 + len(self.earned)
        return NormalDist((BEFORE[self.proposer] + sum(self.earned)) / n, 1.0 / math.sqrt(n))


def records(state: JobState) -> tuple[Record, ...]:
    """Return each proposer's record; none where the researcher has no language model."""
    if state.advice.model is None:
        return ()
    return tuple(_record(state, proposer) for proposer in get_args(Proposer))


def proposers(
    state: JobState, parent: ExperimentId, numbers: Sequence[ExperimentId]
) -> tuple[Proposer, ...]:
    """Return who shall propose each of some experiments below a node.

    Empty where the job gives no share and the researcher has no language model, as far as is known.
    A share is spread evenly over the numbers by the multiples of the golden ratio.

    Source: Knuth, "The Art of Computer Programming", volume 3, section 6.4, theorem S: no other
    multiples are spread more evenly, however many there are.
    """
    if state.advice.model is None and state.spec.search.rules_share is None:
        return ()
    share = share_below(state, parent)
    # The model begins: its view of the job is worth most before anything was tried.
    return tuple("llm" if (number - 1) * _GOLDEN % 1.0 < share else "rules" for number in numbers)


def share_below(state: JobState, parent: ExperimentId) -> float:
    """Return the model's share of what is proposed below a node, where one of the two may pause.

    A job that wants none of a model's recipes gets none.
    """
    share = llm_share(state)
    model, rules = (paused(state, parent, proposer) for proposer in ("llm", "rules"))
    if model == rules or share == 0.0:
        return share
    return 0.0 if model else 1.0


def llm_share(state: JobState) -> float:
    """Return the share of recipes that the language model proposes, in [0, 1].

    The job's own, or the probability that the model's recipes earn more than those of rules, at
    least `LEAST` for either.

    Source: probability matching, Thompson, "On the Likelihood that One Unknown Probability Exceeds
    Another in View of the Evidence of Two Samples", 1933.
    """
    given = state.spec.search.rules_share
    if given is not None:
        return 1.0 - given
    worth = {record.proposer: record.worth for record in records(state)}
    better = worth["llm"] - worth["rules"]
    return min(1.0 - LEAST, max(LEAST, 1.0 - better.cdf(0.0)))


def _record(state: JobState, proposer: Proposer) -> Record:
    its = [e for e in state.experiments.values() if e.proposer == proposer]
    dropped = sum(e.dropped is not None for e in its)
    refused = state.advice.dropped if proposer == "llm" else 0
    return Record(
        proposer=proposer,
        asked=sum(e.asked == proposer for e in state.experiments.values()),
        recipes=len(its) - dropped,
        dropped=dropped + refused,
        gains=tuple(_gain(state, e) for e in its if state.search.posterior.is_measured(e.id)),
        earned=(*_earned(state, its), *[WORST] * refused),
        best=max((e.score.value for e in its if e.score is not None), default=None),
    )


def _earned(state: JobState, its: list[Experiment]) -> Iterator[float]:
    for experiment in its:
        failure = experiment.failure
        if experiment.dropped is not None:
            yield WORST
        elif state.search.posterior.is_measured(experiment.id):
            yield min(-WORST, max(WORST, _surprise(state, experiment)))
        elif failure is not None and failure.error not in NOBODYS_FAULT:
            yield WORST


def _surprise(state: JobState, experiment: Experiment) -> float:
    """Return how far its measurements are from what could be expected, in deviations of that."""
    prior = state.search.prior
    step, change = (0.0, prior.spread) if experiment.parent == ROOT else (prior.step, prior.change)
    noise = 1.0 / state.search.posterior.own_precision[experiment.id]
    return (_gain(state, experiment) - step) / math.sqrt(change + noise)


def _gain(state: JobState, experiment: Experiment) -> float:
    """Return an experiment's own measurements, short runs read as full ones, minus its place's."""
    belief = state.search.posterior
    fresh = experiment.parent in (ROOT, None)
    place = state.search.prior.draft if fresh else belief.mean[experiment.parent or ROOT]
    return belief.own_weighted[experiment.id] / belief.own_precision[experiment.id] - place
