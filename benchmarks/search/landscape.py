"""Made-up fine-tuning: configurations with a worth, a cost and noise, and a researcher's guesses.

Six families of recipes, each with its own best choice of four categories and five numbers, an
interaction, a learning rate beyond which training suffers, and a bounded score. Scores are in units
of the way from the median random draft (0) to the best found by a long search without noise (1).

Whatever is random follows from the landscape's number and what is asked, never from the order of
the questions: the same run scores the same, whoever asks and whenever.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import median, pstdev
from typing import Literal

from benchmarks.search.world import Configuration, Dimension, Measured, Split

FAMILIES, CATEGORIES, LEVELS, NUMBERS = 6, 4, 4, 5

RUNGS = (1 / 9, 1 / 3, 1.0)

DIMENSIONS = (
    Dimension("family", FAMILIES),
    *(Dimension(f"category {i}", LEVELS) for i in range(CATEGORIES)),
    *(Dimension(f"number {i}", None) for i in range(NUMBERS)),
)

_RATE = 1 + CATEGORIES  # the first number: beyond a cliff, higher is worse
_STEP = 0.25  # how far a researcher moves a number
_FAMILY, _CATEGORY, _NUMBER, _INTERACTION = 0.1, 0.6, 0.3, 0.12  # what choices are worth
_CLIFF = 3.6
_STEEP, _SHIFT = 2.0, 0.45  # of the logistic function that bounds the score

_FIXED = 0.6  # of sigma: noise of the items, the same for every run of a configuration
_LUCK = 0.8  # of sigma: noise of the seed
_NOISIER = (1.8, 1.3, 1.0)  # at each rung, deviation in units of a full run's
_SHORTFALL = 0.12  # what an unfinished run lacks
_OFF = {"honest": (0.9, 0.48), "misleading": (2.2, 1.6)}
"""How far short runs are off, in deviations of the good configurations' worths: among those the
rank correlation with the full score is then about 0.73 and 0.9, or 0.38 and 0.5."""

_CRASHES = 0.08


@dataclass(frozen=True)
class Family:
    """What one family of recipes is worth, before the score is bounded."""

    base: float
    penalties: tuple[tuple[float, ...], ...]
    """Of each category's levels; the best level's is 0."""
    best: tuple[float, ...]
    curvature: tuple[float, ...]
    cliff: float
    interaction: tuple[int, int, tuple[float, ...]]
    """A category, a number, and the slope of the number at each of the category's levels."""

    def worth(self, categories: tuple[float, ...], numbers: tuple[float, ...]) -> float:
        """Return the bounded score of a configuration of this family, in (0, 1)."""
        worth = self.base
        for penalty, level in zip(self.penalties, categories, strict=True):
            worth -= penalty[int(level)]
        for number, best, curvature in zip(numbers, self.best, self.curvature, strict=True):
            worth -= curvature * (number - best) ** 2
        category, number_at, slopes = self.interaction
        worth += slopes[int(categories[category])] * (numbers[number_at] - 0.5) * 2
        worth -= _CLIFF * max(0.0, numbers[0] - self.cliff)
        return 1 / (1 + math.exp(-_STEEP * (worth + _SHIFT)))


class Landscape:
    """The truth of one made-up world, without noise."""

    def __init__(self, number: int) -> None:
        self.number = number
        rng = Random(f"landscape {number}")
        self._families = [_family(rng) for _ in range(FAMILIES)]
        self._cost_slopes = [rng.gauss(0, 0.35) for _ in range(NUMBERS + 1)]
        self._known: dict[Configuration, float] = {}
        rng = Random(f"landscape {number}: median and best")
        self._median = median(self._worth(random_configuration(rng)) for _ in range(400))
        self._gap = max(self._climb(rng, 60, 400) for _ in range(12)) - self._median
        rng = Random(f"landscape {number}: good configurations")
        self.good = [self._climb(rng, 1, 15) for _ in range(60)]
        self.good_deviation = pstdev(self.good) / self._gap

    def truth(self, configuration: Configuration) -> float:
        """Return the worth: 0 of the median random draft, 1 of the best found."""
        if configuration not in self._known:
            self._known[configuration] = (self._worth(configuration) - self._median) / self._gap
        return self._known[configuration]

    def cost(self, configuration: Configuration) -> float:
        """Return the cost of a full run, 0.3 to 2 with a mean near 1; unrelated to the worth."""
        of_family, *of_numbers = self._cost_slopes
        numbers = configuration[_RATE:]
        log = of_family * configuration[0] / 3
        log += sum(s * (n - 0.5) * 2 for s, n in zip(of_numbers, numbers, strict=True))
        return min(2.0, max(0.3, math.exp(0.7 * log)))

    def _worth(self, configuration: Configuration) -> float:
        family = self._families[int(configuration[0])]
        return family.worth(configuration[1:_RATE], configuration[_RATE:])

    def _climb(self, rng: Random, starts: int, steps: int) -> float:
        """Return the worth that a search without noise reaches."""
        at = max((random_configuration(rng) for _ in range(starts)), key=self._worth)
        best = self._worth(at)
        for _ in range(steps):
            step = _STEP if steps < 100 else rng.choice([0.2, 0.08, 0.03])
            tried = changed(at, rng, step)
            if self._worth(tried) > best:
                at, best = tried, self._worth(tried)
        return best


@lru_cache(maxsize=64)
def landscape(number: int) -> Landscape:
    """Return a landscape; the same object for the same number."""
    return Landscape(number)


class NoisyLandscape:
    """A landscape as contestants see it: noisy, with short runs, crashes and a researcher."""

    rungs: Sequence[float] = RUNGS
    dimensions: Sequence[Dimension] = DIMENSIONS

    def __init__(
        self,
        truth: Landscape,
        sigma: float,
        misjudged: float = 1.0,
        *,
        quality: float = 0.25,
        fidelity: Literal["honest", "misleading"] = "honest",
        crash_rate: float = _CRASHES,
    ) -> None:
        """Make the world.

        Args:
            truth: what is behind the noise.
            sigma: deviation of a full run's score.
            misjudged: the items' noise that contestants are told, over the true one.
            quality: share of the researcher's changes that are the best of four by truth.
            fidelity: how far short runs are off.
            crash_rate: share of configurations whose runs fail.
        """
        self.landscape = truth
        self._sigma, self._quality, self._crash_rate = sigma, quality, crash_rate
        self._off = [share * truth.good_deviation for share in _OFF[fidelity]]
        # Contestants take half of an item variance as shared by all that is scored on the items.
        self._variance = 2 * (_FIXED * sigma * misjudged) ** 2
        self._hidden: dict[object, float] = {}

    def draft(self, rng: Random) -> Configuration:
        """Return a configuration drawn evenly."""
        return random_configuration(rng)

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        """Return a configuration changed in one or two dimensions."""
        if rng.random() < self._quality:
            return max((changed(parent, rng, _STEP) for _ in range(4)), key=self.landscape.truth)
        return changed(parent, rng, _STEP)

    def cost(self, configuration: Configuration) -> float:
        """Return `Landscape.cost`."""
        return self.landscape.cost(configuration)

    def crashes(self, configuration: Configuration) -> bool:
        """Whether runs of it fail; nobody knows before."""
        return self._fixed(Random.random, "crash", configuration) < self._crash_rate

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        """Return the noisy score of a run."""
        value = self.checkpoint_truth(configuration, rung, seed)
        value += _FIXED * self._sigma * self._normal("items", configuration, split)
        return Measured(value, self._variance)

    def truth(self, configuration: Configuration) -> float:
        """Return `Landscape.truth`."""
        return self.landscape.truth(configuration)

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        """Return the worth of one run: of its configuration, with its luck and what it lacks."""
        worth = self.truth(configuration) + self._luck(configuration, seed)
        if rung < len(RUNGS) - 1:
            more = math.sqrt(_NOISIER[rung] ** 2 - 1) * self._sigma
            worth -= _SHORTFALL * (1 - RUNGS[rung])
            worth += self._off[rung] * self._normal("off", configuration, rung)
            worth += more * self._normal("short", configuration, rung, seed)
        return worth

    def regret(self, truth: float) -> float:
        """Return ``1 - truth``."""
        return 1.0 - truth

    def _luck(self, configuration: Configuration, seed: int) -> float:
        return _LUCK * self._sigma * self._normal("seed", configuration, seed)

    def _normal(self, *what: object) -> float:
        return self._fixed(lambda rng: rng.gauss(0, 1), *what)

    def _fixed(self, draw: Callable[[Random], float], *what: object) -> float:
        """Return a random number that depends on nothing but the landscape and what it is of."""
        if what not in self._hidden:
            self._hidden[what] = draw(Random(f"{self.landscape.number} {what}"))
        return self._hidden[what]


def random_configuration(rng: Random) -> Configuration:
    """Return a configuration drawn evenly."""
    return (
        rng.randrange(FAMILIES),
        *(rng.randrange(LEVELS) for _ in range(CATEGORIES)),
        *(round(rng.random(), 4) for _ in range(NUMBERS)),
    )


def changed(configuration: Configuration, rng: Random, step: float) -> Configuration:
    """Return a configuration with one or two choices changed, never the family."""
    values = list(configuration)
    for _ in range(1 if rng.random() < 0.6 else 2):
        at = rng.randrange(1, len(DIMENSIONS))
        if at < _RATE:
            values[at] = (values[at] + rng.randrange(1, LEVELS)) % LEVELS
        else:
            values[at] = round(min(1.0, max(0.0, values[at] + rng.gauss(0, step))), 4)
    return tuple(values)


def _family(rng: Random) -> Family:
    penalties = []
    for _ in range(CATEGORIES):
        drawn = [abs(rng.gauss(0, _CATEGORY)) for _ in range(LEVELS)]
        penalties.append(tuple(penalty - min(drawn) for penalty in drawn))
    best = tuple(rng.uniform(0.15, 0.85) for _ in range(NUMBERS))
    return Family(
        base=rng.gauss(0, _FAMILY),
        penalties=tuple(penalties),
        best=best,
        curvature=tuple(_NUMBER * math.exp(rng.gauss(0, 0.6)) for _ in range(NUMBERS)),
        cliff=best[0] + rng.uniform(0.12, 0.3),
        interaction=(
            rng.randrange(CATEGORIES),
            rng.randrange(NUMBERS),
            tuple(rng.gauss(0, _INTERACTION) for _ in range(LEVELS)),
        ),
    )
