"""When to stop searching, whom to check once more, and whom to hand back. Pure.

The best of many noisy scores flatters itself. Part of the budget is therefore kept back from the
start to look at the finalists again, on rows that the search did not choose by.
"""

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass

import numpy as np

from services.planner.improvement import expected_improvement
from services.planner.search import Choice, ExperimentSearch
from services.planner.tree import Stage
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Deliverable

FINALISTS = {"recipe": 4, "checkpoint": 8}
"""How many are checked: a recipe costs another run, a checkpoint only another scoring."""

SEARCHED, CHECKED = 0, 1
"""Numbers of the splits in `Observation.split`."""

_MOST_RESERVE = 0.12
_LEAST_EXPERIMENTS = 20
_HALVING = 8  # checks from which only the better half of the finalists gets the later ones


@dataclass(frozen=True, slots=True)
class Spending:
    """Where the budget stands, in full runs."""

    budget: float
    spent: float
    """What was launched, runs in flight included."""
    in_flight: int
    """Training runs that are not over."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a search comes to its end."""

    deliver: Deliverable = "checkpoint"
    can_check: bool = True
    """Whether there are rows kept for checking."""
    smallest_gain: float | None = None
    """Difference worth having, in the metric's unit; None for a standard error; 0 searches on as
    long as the budget lasts."""
    target: float | None = None
    """Score that is enough, in the metric's unit."""
    uncheckable: frozenset[ExperimentId] = frozenset()
    """Finalists whose check failed."""
    gone: frozenset[ExperimentId] = frozenset()
    """Experiments whose checkpoints were removed; see `services.planner.keeping`."""


@dataclass(frozen=True, slots=True)
class Check:
    """Measure a finalist once more on the rows kept for that."""

    node: ExperimentId
    anew: bool
    """Whether to train it again with another seed first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before a result comes."""


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more will be done."""

    why: str


Step = Choice | Check | Wait | Over


def next_step(search: ExperimentSearch, spending: Spending, ending: Ending) -> Step:
    """Return what to do now: search, then wait for what is under way, then check, then end.

    The checks begin only when nothing is in flight, so that a late winner is not left out.
    """
    why = _why_stop(search, spending, ending)
    if why is None:
        choice = search.ask()
        if choice is None:
            why = "nothing new can be tried anywhere in the tree"
        elif not _worth_it(search, choice, spending, ending):
            why = "no act promises a gain worth having"
        elif _checks(search):
            why = "the search was over before its finalists were checked"
        else:
            return _full_run_first(search, spending, ending, choice)
    return final_step(search, spending, ending, why)


def reserve(search: ExperimentSearch, budget: float, ending: Ending) -> float:
    """Return the full runs kept back for checks: ``0.12 B``, less when B or the noise is small.

    ``0.12 * min(1, (B - 10) / 40) * min(1, s / (0.1 * scale))`` of B full runs, where ``s`` is the
    standard deviation of a score; none for B up to 10, nor when checking costs no run.
    """
    if not ending.can_check or ending.deliver == "checkpoint":
        return 0.0
    size = min(1.0, max(0.0, (budget - 10) / 40))
    noise = min(1.0, math.sqrt(search.noise.total) / (0.1 * search.prior.scale))
    return _MOST_RESERVE * budget * size * noise


def ranked(
    search: ExperimentSearch, nodes: Iterable[ExperimentId], deliver: Deliverable, last_split: int
) -> list[ExperimentId]:
    """Return those of some experiments that have a score, the best first.

    Longer runs come before shorter ones, which are handed back only while there are no others.

    Args:
        search: what was measured.
        nodes: which experiments.
        deliver: whether the luck of a seed counts.
        last_split: `SEARCHED` leaves the checks of finalists out, `CHECKED` does not.
    """
    tree = search.tree
    measured = [n for n in nodes if tree.stage[n] == Stage.TOLD and tree.rung[n] >= 0]
    return sorted(
        measured, key=lambda n: (-tree.rung[n], -_value(search, n, deliver, last_split), n)
    )


def finalists(
    search: ExperimentSearch, deliver: Deliverable, gone: Container[ExperimentId] = ()
) -> list[ExperimentId]:
    """Return those worth checking, the most promising first; never one that is gone."""
    full = [node for node in _full(search) if node not in gone]
    return ranked(search, full, deliver, SEARCHED)[: FINALISTS[deliver]]


def delivered(
    search: ExperimentSearch, deliver: Deliverable, gone: Container[ExperimentId] = ()
) -> ExperimentId | None:
    """Return the experiment to hand back, checked or not; None before anything is measured.

    For a recipe the luck of a seed is noise: the highest posterior mean wins. For a checkpoint it
    is worth something and stays. Only the longest runs count: short ones as long as there are no
    full ones, so that a search that is stopped early hands back what it has. What is gone cannot
    be handed back.
    """
    for rung in range(search.tree.rungs - 1, -1, -1):
        nodes = [node for node in _measured(search, rung) if node not in gone]
        if nodes:
            return max(nodes, key=lambda n: (_value(search, n, deliver, CHECKED), -n))
    return None


def believed(search: ExperimentSearch, node: ExperimentId, deliver: Deliverable) -> float:
    """Return what a full run of an experiment is believed to score, in the metric's unit."""
    return _value(search, node, deliver, CHECKED)


def _value(
    search: ExperimentSearch, node: ExperimentId, deliver: Deliverable, last_split: int
) -> float:
    """Return the posterior mean of a recipe, or of its first full checkpoint.

    A checkpoint is the recipe's worth plus its seed's luck: before its own scores it is
    ``N(parent + step, change + seed)``, and only the items blur its scores. Of a short run, whose
    weights are not those that will be, only the recipe's is known.
    """
    tree, prior, noise = search.tree, search.prior, search.noise
    if deliver == "recipe" or not tree.is_full(node):
        return search.posterior.mean[node]
    parent = tree.parent[node]
    if parent == ROOT:
        mean, variance = prior.draft, prior.spread + noise.seed
    else:
        mean = search.posterior.mean[parent] + prior.step
        variance = prior.change + noise.seed
    precision = 1.0 / variance
    weighted = mean * precision
    own = [o for o in tree.observations(node) if tree.observed_rung[o] == tree.rungs - 1]
    seed = tree.observed_seed[own[-1]]
    for o in own:
        if tree.observed_seed[o] == seed and tree.observed_split[o] <= last_split:
            weight = 1.0 / max(noise.kept * tree.observed_variance[o], 1e-12)
            precision += weight
            weighted += weight * tree.observed_value[o]
    return weighted / precision


def _why_stop(search: ExperimentSearch, spending: Spending, ending: Ending) -> str | None:
    kept = reserve(search, spending.budget, ending)
    if spending.spent >= spending.budget - kept - 1e-9:
        return f"all {spending.budget:g} experiments of the budget are done"
    if ending.target is not None and _certain(search) >= ending.target:
        return f"the target of {ending.target:g} is reached with some certainty"
    if ending.smallest_gain != 0 and search.plateau(_gain(search, ending) / 2):
        return "the best has not become better for long"
    return None


def _worth_it(search: ExperimentSearch, choice: Choice, spending: Spending, ending: Ending) -> bool:
    """Whether the best act may still gain something: ``EI * sqrt(runs left) >= gain / 4``."""
    if search.rules.mode != "posterior" or ending.smallest_gain == 0:
        return True
    if spending.spent < max(_LEAST_EXPERIMENTS, 0.3 * spending.budget):
        return True
    terms = choice.terms
    improvement = expected_improvement(terms.value, terms.deviation, choice.bar)
    left = math.sqrt(max(0.0, spending.budget - spending.spent))
    return improvement * left >= 0.25 * _gain(search, ending)


def _full_run_first(
    search: ExperimentSearch, spending: Spending, ending: Ending, choice: Choice
) -> Choice | Wait:
    """Return the act that was chosen, unless no full run could be paid for after it.

    Then the most promising short run goes on until it is full: what is handed back must not be a
    run that was stopped early.
    """
    tree = search.tree
    short = list(tree.short())
    if not short or _full(search):
        return choice
    best = max(short, key=lambda node: (search.posterior.mean[node], -node))
    left = spending.budget - reserve(search, spending.budget, ending) - spending.spent
    if left - search.cost_of(choice.terms) >= search.cost_to_full(best) - 1e-9:
        return choice
    return Wait() if tree.running[best] else search.go_on(best, "so that one run is made in full")


def _gain(search: ExperimentSearch, ending: Ending) -> float:
    if ending.smallest_gain is not None:
        return ending.smallest_gain
    return math.sqrt(search.noise.evaluation)


def _certain(search: ExperimentSearch) -> float:
    """Return what the best recipe scores at least, with 19 of 20 chances or more."""
    posterior = search.posterior
    return max(
        (posterior.mean[n] - 1.96 * math.sqrt(posterior.variance[n]) for n in _full(search)),
        default=-math.inf,
    )


def final_step(
    search: ExperimentSearch, spending: Spending, ending: Ending, why: str
) -> Check | Wait | Over:
    """Return what to do once the search has stopped: wait for what is under way, check, end."""
    if spending.in_flight:
        return Wait()
    if not ending.can_check:
        return Over(why)
    node = (
        _next_recipe(search, spending, ending)
        if ending.deliver == "recipe"
        else _next_checkpoint(search, ending)
    )
    return Over(why) if node is None else Check(node, anew=ending.deliver == "recipe")


def _next_recipe(
    search: ExperimentSearch, spending: Spending, ending: Ending
) -> ExperimentId | None:
    """Return the least checked finalist while the budget lasts, the most promising of equals."""
    planned = reserve(search, spending.budget, Ending("recipe"))
    if spending.spent >= spending.budget - 1e-9 or planned == 0:
        return None
    checks = _checks(search)
    nodes = finalists(search, "recipe", ending.gone)
    if planned >= _HALVING and checks >= planned / 2:
        nodes = nodes[: len(nodes) // 2]
    return min(nodes, key=lambda node: _checked(search, node), default=None)


def _next_checkpoint(search: ExperimentSearch, ending: Ending) -> ExperimentId | None:
    able = finalists(search, "checkpoint", ending.gone)
    nodes = [node for node in able if node not in ending.uncheckable]
    return next((node for node in nodes if not _checked(search, node)), None)


def _full(search: ExperimentSearch) -> list[ExperimentId]:
    return _measured(search, search.tree.rungs - 1)


def _measured(search: ExperimentSearch, rung: int) -> list[ExperimentId]:
    """Return the experiments whose longest measured run is of a rung."""
    tree = search.tree
    chosen = (np.asarray(tree.rung) == rung) & (np.asarray(tree.stage) == Stage.TOLD)
    chosen[ROOT] = False
    return [ExperimentId(int(node)) for node in np.flatnonzero(chosen)]


def _checks(search: ExperimentSearch) -> int:
    return sum(search.tree.observed_split)


def _checked(search: ExperimentSearch, node: ExperimentId) -> int:
    tree = search.tree
    return sum(tree.observed_split[o] == CHECKED for o in tree.observations(node))
