"""Rules that train many briefly and few in full: ASHA and Hyperband."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from random import Random

from benchmarks.search.world import (
    Configuration,
    Deliverable,
    Delivered,
    Measured,
    Researcher,
    Trial,
    World,
)

ETA = 3
"""One in so many goes on to the next rung."""

_DRAFTS = 5  # before `evolve` changes the best


@dataclass
class _Run:
    configuration: Configuration
    bracket: int = 0
    scores: tuple[float, ...] = ()
    """At each rung so far; the first rung of a bracket may be a later one."""
    asked: int = 0
    """Rung asked for last."""
    failed: bool = False


class Asha:
    """Promotes a run as soon as it is in the best third of its rung; see `ETA`.

    Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
    algorithm 2.
    """

    def __init__(self, world: World, rng: Random, *, evolve: bool) -> None:
        """Make the rule; with `evolve`, what starts anew is a change of the best so far."""
        self._researcher, self._evolve = Researcher(world, rng), evolve
        self._top = len(world.rungs) - 1
        self._runs: list[_Run] = []

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Promote from the highest rung possible, else start a run at the lowest."""
        for rung in range(self._top - 1, -1, -1):
            for number in _best_third(self._runs, rung):
                if self._runs[number].asked == rung:
                    self._runs[number].asked = rung + 1
                    return Trial(self._runs[number].configuration, rung + 1, node=number)
        configuration = self._start()
        if configuration is None:
            return None
        self._runs.append(_Run(configuration))
        return Trial(configuration, 0, node=len(self._runs) - 1)

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Take in a result."""
        _tell(self._runs, trial, measured)

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return the highest score of the highest rung."""
        return _highest(self._runs)

    def _start(self) -> Configuration | None:
        best = _highest(self._runs)
        if self._evolve and best is not None and len(self._runs) >= _DRAFTS:
            changed = self._researcher.improve(best.configuration)
            if changed is not None:
                return changed
        return self._researcher.draft()


def _best_third(runs: list[_Run], rung: int) -> list[int]:
    done = [n for n, run in enumerate(runs) if len(run.scores) > rung and not run.failed]
    done.sort(key=lambda n: -runs[n].scores[rung])
    return done[: len(done) // ETA]


def _tell(runs: list[_Run], trial: Trial, measured: Measured | None) -> None:
    run = runs[trial.node]
    if measured is None:
        run.failed = True
        return
    skipped = trial.rung - len(run.scores)
    run.scores += (math.nan,) * skipped + (measured.value,)


def _highest(runs: list[_Run]) -> Delivered | None:
    done = [run for run in runs if run.scores]
    if not done:
        return None
    best = max(done, key=lambda run: (len(run.scores), run.scores[-1]))
    return Delivered(best.configuration, len(best.scores) - 1, 0, best.scores[-1])


class Hyperband:
    """Brackets of successive halving that start at different rungs, one after another.

    Where every run of a bracket's rung is in flight the next bracket begins, so no worker waits.

    Source: Li et al., "Hyperband", JMLR 2018, algorithm 1.
    """

    def __init__(self, world: World, rng: Random) -> None:
        self._researcher = Researcher(world, rng)
        self._rungs = len(world.rungs)
        self._runs: list[_Run] = []
        self._sizes: dict[int, tuple[int, int]] = {}
        """First rung and number of runs of each bracket."""
        self._numbers: Iterator[tuple[int, int]] = zip(count(), cycle(range(self._rungs)))

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Promote in the oldest bracket that can, else fill the latest, else open another."""
        for bracket, (first, _) in self._sizes.items():
            trial = self._promote(bracket, first)
            if trial is not None:
                return trial
        latest = max(self._sizes, default=-1)
        begun = sum(run.bracket == latest for run in self._runs)
        if latest < 0 or begun >= self._sizes[latest][1]:
            latest, first = next(self._numbers)
            left = self._rungs - 1 - first
            runs = math.ceil(self._rungs / (left + 1) * ETA**left)
            self._sizes[latest] = (first, runs)
        configuration = self._researcher.draft()
        if configuration is None:
            return None
        first = self._sizes[latest][0]
        self._runs.append(_Run(configuration, latest, asked=first))
        return Trial(configuration, first, node=len(self._runs) - 1)

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Take in a result."""
        _tell(self._runs, trial, measured)

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return the highest score of the highest rung."""
        return _highest(self._runs)

    def _promote(self, bracket: int, first: int) -> Trial | None:
        size = self._sizes[bracket][1]
        mine = [n for n, run in enumerate(self._runs) if run.bracket == bracket]
        for rung in range(first, self._rungs - 1):
            began = [n for n in mine if self._runs[n].asked >= rung]
            expected = size // ETA ** (rung - first)
            over = [n for n in began if self._runs[n].failed or len(self._runs[n].scores) > rung]
            if len(mine) < size or len(over) < len(began):
                return None
            alive = [n for n in over if len(self._runs[n].scores) > rung]
            alive.sort(key=lambda n: -self._runs[n].scores[rung])
            for number in alive[: max(1, expected // ETA)]:
                if self._runs[number].asked == rung:
                    self._runs[number].asked = rung + 1
                    return Trial(self._runs[number].configuration, rung + 1, node=number)
        return None
