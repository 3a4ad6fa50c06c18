"""What paired runs say about methods: intervals, corrections, ranks. Pure, and the same each time.

A *task* is a landscape or a table; within it methods are paired by game: variant, cell and seed,
which share world, noise and budget.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range

Floats = NDArray[np.float64]

RESAMPLES = 10_000

_TAILS = (0.025, 0.975)
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences, in units of regret; negative when the first is better."""

    mean: float
    low: float
    high: float
    """Bounds of the 95 % interval."""
    p: float
    """Of no difference, two-sided, in (0, 1]."""


def paired_difference(
    first: Mapping[tuple[str, str], float],
    second: Mapping[tuple[str, str], float],
    *,
    seed: int = 0,
) -> Difference:
    """Return ``first - second`` over the pairs that both have, by task and game.

    Tasks are resampled, then games within each task drawn: games of one task are not independent,
    and a result should hold for other tasks. With one task only its games are resampled, and the
    interval speaks of that task alone.

    The p-value inverts the interval: it is the smallest level whose interval would leave out 0.
    Flipping signs of the tasks' means would be another way, but has nothing to say of a single
    task, and could contradict the interval that is printed beside it.

    Source: nonparametric bootstrap of nested data, Davison and Hinkley, "Bootstrap Methods and
    their Application", 1997, section 3.8 (resampling at both levels errs on the wide side), and
    (4.11) for the 1 added to counts; percentile interval, Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, section 13.3, and p by inversion, section 15.4.

    Raises:
        ValueError: there is no common pair.
    """
    differences: dict[str, list[float]] = {}
    for task, game in sorted(first.keys() & second.keys()):
        differences.setdefault(task, []).append(first[task, game] - second[task, game])
    if not differences:
        raise ValueError("wanted pairs of the same task and game, found none")
    tasks = [np.array(values) for values in differences.values()]
    means = _resampled_means(tasks, np.random.default_rng(seed))
    low, high = np.quantile(means, _TAILS)
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (tail + 1) / (RESAMPLES + 1))
    return Difference(float(np.concatenate(tasks).mean()), float(low), float(high), p)


def band(curves: Sequence[Sequence[float]], *, seed: int = 0) -> tuple[list[float], list[float]]:
    """Return the bounds of the 95 % interval of the mean curve, point by point.

    Args:
        curves: one a task, or one a game of a single task; all of one length. They are resampled.
        seed: of the resampling.
    """
    table = np.array(curves)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=RESAMPLES)
    low, high = np.quantile(drawn @ table / len(table), _TAILS, axis=0)
    return low.tolist(), high.tolist()


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for how many were asked for, by name.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    corrected: dict[str, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(ps, key=lambda name: ps[name])):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[name]))
        corrected[name] = highest
    return corrected


@dataclass(frozen=True, slots=True)
class Ranks:
    """Mean ranks of methods over tasks, 1 the best."""

    mean: dict[str, float]
    p: float
    """Of all methods being equal, by Friedman's test."""
    critical: float
    """Mean ranks closer than this are not told apart at 5 %, by Nemenyi's test."""


def ranks(regrets: Mapping[str, Sequence[float]]) -> Ranks:
    """Rank methods within each task; every method has one regret a task, in the same order.

    Friedman's test needs three methods, two tasks and a difference; without them p is 1.

    Source: Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006,
    section 3.2.2.
    """
    table = np.array(list(regrets.values()))  # (methods, tasks)
    methods, tasks = table.shape
    testable = methods > 2 and tasks > 1 and bool((table != table[0]).any())
    spread = float(studentized_range.ppf(0.95, methods, np.inf)) / math.sqrt(2)
    return Ranks(
        mean=dict(zip(regrets, rankdata(table, axis=0).mean(axis=1).tolist(), strict=True)),
        p=float(friedmanchisquare(*table).pvalue) if testable else 1.0,
        critical=spread * math.sqrt(methods * (methods + 1) / (6 * tasks)),
    )


def area(curve: Sequence[float], shares: Sequence[float]) -> float:
    """Return the mean of a curve over the logarithm of the share of the budget, by trapezoids."""
    logs = np.log(shares)
    return float(np.trapezoid(curve, logs) / (logs[-1] - logs[0]))


def share_to_reach(curve: Sequence[float], shares: Sequence[float], goal: float) -> float:
    """Return the share of the budget at which a mean curve first comes down to a regret.

    Between two points it is interpolated over the logarithm of the share. It is the first of the
    shares when the curve begins there or lower, and infinite when it never gets there.
    """
    if curve[0] <= goal:
        return shares[0]
    for at in range(1, len(curve)):
        if curve[at] <= goal:
            part = (curve[at - 1] - goal) / (curve[at - 1] - curve[at])
            return float(shares[at - 1] * (shares[at] / shares[at - 1]) ** part)
    return math.inf


def _resampled_means(tasks: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Return means over as many tasks as there are, drawn anew, each with its values drawn anew."""
    sizes = np.array([len(values) for values in tasks])
    table = np.zeros((len(tasks), sizes.max()))
    for number, values in enumerate(tasks):
        table[number, : len(values)] = values
    totals, counts = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for _ in tasks:
        task = rng.integers(len(tasks), size=(RESAMPLES, 1))
        drawn = table[task, rng.integers(sizes[task], size=(RESAMPLES, table.shape[1]))]
        drawn[np.arange(table.shape[1]) >= sizes[task]] = 0  # a task gives as many as it has
        totals += drawn.sum(axis=1)
        counts += sizes[task[:, 0]]
    means: Floats = totals / counts
    return means
