"""Optuna's own sampler and pruner, told of the dimensions; they use no researcher."""

import warnings
from collections import Counter
from dataclasses import replace
from random import Random

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from benchmarks.search.world import (
    Configuration,
    Deliverable,
    Delivered,
    Dimension,
    Measured,
    Trial,
    World,
)

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Tpe:
    """The tree-structured Parzen estimator with Optuna's defaults; with Hyperband, runs are pruned.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; Falkner et
    al., "BOHB", ICML 2018, for the pair. As built in Optuna 5.
    """

    def __init__(self, world: World, rng: Random, *, hyperband: bool) -> None:
        self._rungs = world.rungs if hyperband else world.rungs[-1:]
        self._first = len(world.rungs) - len(self._rungs)
        steps = [round(share / self._rungs[0]) for share in self._rungs]
        self._steps = steps
        pruner: optuna.pruners.BasePruner = (
            optuna.pruners.HyperbandPruner(
                min_resource=steps[0], max_resource=steps[-1], reduction_factor=3
            )
            if hyperband
            else optuna.pruners.NopPruner()
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=rng.randrange(2**31))
            # Hyperband puts a trial into a bracket by a hash of the study's name.
            self._study = optuna.create_study(
                direction="maximize",
                sampler=sampler,
                pruner=pruner,
                study_name=f"study {rng.randrange(2**31)}",
            )
        self._space = {one.name: _distribution(one) for one in world.dimensions}
        self._names = [one.name for one in world.dimensions]
        self._trials: list[optuna.Trial] = []
        self._goes_on: list[Trial] = []
        self._tried: Counter[Configuration] = Counter()
        self._best: tuple[int, float, Configuration, int] | None = None

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Go on with a run that was not pruned, else take what the sampler suggests."""
        if self._goes_on:
            return self._goes_on.pop(0)
        trial = self._study.ask(self._space)
        self._trials.append(trial)
        configuration = tuple(trial.params[name] for name in self._names)
        self._tried[configuration] += 1  # again is another run, with another seed
        seed = self._tried[configuration] - 1
        return Trial(configuration, self._first, seed, node=len(self._trials) - 1)

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Report a score to Optuna and go on, prune or end."""
        asked = self._trials[trial.node]
        if measured is None:
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
            return
        found = (trial.rung, measured.value, trial.configuration, trial.seed)
        self._best = found if self._best is None else max(self._best, found)
        if trial.rung == self._first + len(self._rungs) - 1:
            self._study.tell(asked, measured.value)
            return
        asked.report(measured.value, self._steps[trial.rung - self._first])
        if asked.should_prune():
            self._study.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            self._goes_on.append(replace(trial, rung=trial.rung + 1))

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return the highest score of the highest rung."""
        if self._best is None:
            return None
        rung, value, configuration, seed = self._best
        return Delivered(configuration, rung, seed, value)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.levels is None:
        return FloatDistribution(0.0, 1.0)
    if dimension.ordered:
        return IntDistribution(0, dimension.levels - 1)
    return CategoricalDistribution(tuple(range(dimension.levels)))
