"""Everybody who takes part, by name, with the settings that were frozen before the comparison."""

from collections.abc import Callable
from math import sqrt
from random import Random

from benchmarks.search.contestants import bandits
from benchmarks.search.contestants.grown import Grower, Rule
from benchmarks.search.contestants.halving import Asha, Hyperband
from benchmarks.search.contestants.planner import Planner, Settings
from benchmarks.search.contestants.tpe import Tpe
from benchmarks.search.world import Contestant, World
from shared.contracts.job import SearchMode

OURS = "PITS + fidelity"
"""The contestant that the others are compared with: the default of a job with `fidelity` on."""

Maker = Callable[[World, float, Random], Contestant]
"""Makes a contestant for a world, a budget in mean full runs, and a source of randomness."""


def _planner(settings: Settings) -> Maker:
    return lambda world, budget, rng: Planner(world, rng, budget, settings)


def _peer(mode: SearchMode, exploration: float | None = None, *, mean: bool = False) -> Maker:
    return _planner(
        Settings(
            mode=mode,
            exploration=exploration,
            backup="mean" if mean else "max",
            check=False,
            by_score=True,
        )
    )


def _grower(rule: Rule) -> Maker:
    return lambda world, budget, rng: Grower(world, rule, rng, budget)


ABLATIONS: dict[str, Maker] = {
    OURS: _planner(Settings(short_runs=2)),
    "PITS + fidelity without check": _planner(Settings(short_runs=2, check=False)),
    "PITS": _planner(Settings()),
    "PITS without noise and check": _planner(Settings(noise=False, check=False)),
}
"""What this project builds, and the same with a part taken away."""

PEERS: dict[str, Maker] = {
    "random drafts": _peer(SearchMode.RANDOM),
    "sequential": _peer(SearchMode.SEQUENTIAL),
    "greedy": _peer(SearchMode.GREEDY),
    "UCT mean c=1.41": _peer(SearchMode.UCT, sqrt(2), mean=True),
    "UCT mean c=.1": _peer(SearchMode.UCT, 0.1, mean=True),
    "UCT max c=.1": _peer(SearchMode.UCT, 0.1),
    "UCT max c=.1 + check": _planner(Settings(mode=SearchMode.UCT, exploration=0.1)),
    "rank-PUCT": _peer(SearchMode.RANK_PUCT),
    "rank-PUCT + check": _planner(Settings(mode=SearchMode.RANK_PUCT)),
    "ML-Master rewards": _grower(bandits.ml_master_rewards),
    "AB-MCTS-A": _grower(bandits.ab_mcts),
    "clade Thompson": _grower(bandits.clade_thompson),
    "TPE": lambda world, _, rng: Tpe(world, rng, hyperband=False),
    "TPE + Hyperband": lambda world, _, rng: Tpe(world, rng, hyperband=True),
    "ASHA": lambda world, _, rng: Asha(world, rng, evolve=False),
    "ASHA + evolve": lambda world, _, rng: Asha(world, rng, evolve=True),
    "Hyperband": lambda world, _, rng: Hyperband(world, rng),
}
"""What others published, by their selection rules."""

CONTESTANTS = ABLATIONS | PEERS
