"""Runs a contestant on a world: workers side by side, in virtual time, until the budget ends."""

import heapq
import time
from dataclasses import dataclass

from benchmarks.search.world import Contestant, Deliverable, Measured, Trial, World

CRASH_COST = 0.3
"""Share of its cost that a run spends before it fails."""

SHARES = tuple(k / 10 for k in range(1, 11))
"""Of the budget, after which the regret is taken down."""

_FREE_LIMIT = 1000
"""Acts without cost after which a contestant is stopped: it would go on for ever."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one contestant made of one budget."""

    curve: tuple[float, ...]
    """Regret of the recipe that would be delivered after each of `SHARES` of the budget is over."""
    recipe_regret: float
    checkpoint_regret: float
    reported: float
    """Score the contestant claims for its recipe."""
    truth: float
    """Score that recipe is worth."""
    spent: float
    """In mean full runs."""
    makespan: float
    """Virtual time until the last result, in mean full runs on one worker."""
    idle: float
    """Share of the workers' time without work, in [0, 1]."""
    planner_ms: float
    """Real time per act to choose and to learn, in milliseconds."""
    acts: int


def play(world: World, contestant: Contestant, *, budget: float, workers: int) -> Outcome:
    """Let a contestant spend a budget, given in mean full runs.

    A run's cost is counted when it starts, so the budget is passed by at most the last run started.
    Results come in the order in which runs end.
    """
    trained: dict[tuple[object, int], float] = {}
    flying: list[tuple[float, int, Trial, Measured | None, float]] = []
    curve: list[float] = []
    now = spent = over = planning = 0.0
    acts = free = 0
    while True:
        while len(flying) < workers and spent < budget and free < _FREE_LIMIT:
            started = time.perf_counter()
            trial = contestant.ask(spent, len(flying))
            planning += time.perf_counter() - started
            if trial is None:
                break
            measured, cost = _run(world, trial, trained)
            acts, spent, free = acts + 1, spent + cost, 0 if cost else free + 1
            heapq.heappush(flying, (now + cost, acts, trial, measured, cost))
        if not flying:
            break
        now, _, trial, measured, cost = heapq.heappop(flying)
        while len(curve) < len(SHARES) and over + cost > SHARES[len(curve)] * budget:
            curve.append(_regret(world, contestant, "recipe"))
        over += cost
        started = time.perf_counter()
        contestant.tell(trial, measured)
        planning += time.perf_counter() - started
    final = _regret(world, contestant, "recipe")
    recipe = contestant.deliver("recipe")
    return Outcome(
        curve=(*[*curve, *[final] * len(SHARES)][: len(SHARES) - 1], final),
        recipe_regret=final,
        checkpoint_regret=_regret(world, contestant, "checkpoint"),
        reported=recipe.reported if recipe else 0.0,
        truth=world.truth(recipe.configuration) if recipe else 0.0,
        spent=spent,
        makespan=now,
        idle=1 - over / (workers * now) if now else 0.0,
        planner_ms=1000 * planning / max(1, acts),
        acts=acts,
    )


def _run(
    world: World, trial: Trial, trained: dict[tuple[object, int], float]
) -> tuple[Measured | None, float]:
    """Return what a run measures, and its cost: of the steps not taken before."""
    share = world.rungs[trial.rung]
    run = (trial.configuration, trial.seed)
    before = trained.get(run, 0.0)
    if trial.split == "search" and before >= share:
        before = 0.0  # asked for again: it is trained again
    cost = world.cost(trial.configuration) * max(0.0, share - before)
    if world.crashes(trial.configuration):
        return None, cost * CRASH_COST
    trained[run] = max(share, trained.get(run, 0.0))
    measured = world.measure(trial.configuration, trial.rung, trial.seed, trial.split)
    return measured, cost


def _regret(world: World, contestant: Contestant, what: Deliverable) -> float:
    """Return the regret of what would be delivered now; 1 while there is nothing."""
    best = contestant.deliver(what)
    if best is None:
        return 1.0
    if what == "recipe":
        return world.regret(world.truth(best.configuration))
    return world.regret(world.checkpoint_truth(best.configuration, best.rung, best.seed))
