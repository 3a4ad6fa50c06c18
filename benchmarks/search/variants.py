"""Landscapes made harder, and negative controls: worlds in which nobody can be better."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.search.landscape import Landscape, NoisyLandscape, random_configuration
from benchmarks.search.world import Configuration, Measured, Split


@dataclass(frozen=True, slots=True)
class Noise:
    """What scores suffer from, and what contestants are told of it."""

    sigma: float
    """Deviation of a full run's score."""

    misjudged: float = 1.0
    """The items' noise that contestants are told, over the true one."""


Variant = Callable[[Landscape, Noise], NoisyLandscape]


class _Shuffled(NoisyLandscape):
    """Scores that belong to other configurations: nothing can be learned."""

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        return super().measure(_another(configuration), rung, seed, split)


class _ShuffledShort(NoisyLandscape):
    """Short runs whose scores belong to other configurations."""

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        full = rung == len(self.rungs) - 1
        of = configuration if full else _another(configuration)
        return super().measure(of, rung, seed, split)


class _Repeating(NoisyLandscape):
    """A researcher who proposes what is there already."""

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        return parent


def _another(configuration: Configuration) -> Configuration:
    return random_configuration(Random(f"another than {configuration}"))


VARIANTS: dict[str, Variant] = {
    "plain": lambda land, noise: NoisyLandscape(land, noise.sigma, noise.misjudged),
    "misleading": lambda land, noise: NoisyLandscape(
        land, noise.sigma, noise.misjudged, fidelity="misleading"
    ),
    "quality0": lambda land, noise: NoisyLandscape(land, noise.sigma, noise.misjudged, quality=0.0),
    "quality50": lambda land, noise: NoisyLandscape(
        land, noise.sigma, noise.misjudged, quality=0.5
    ),
    "shuffled": lambda land, noise: _Shuffled(land, noise.sigma, noise.misjudged, quality=0.0),
    "shuffled short": lambda land, noise: _ShuffledShort(land, noise.sigma, noise.misjudged),
    "noiseless": lambda land, noise: NoisyLandscape(land, 0.0),
    "repeating": lambda land, noise: _Repeating(land, noise.sigma, noise.misjudged),
    "crashes": lambda land, noise: NoisyLandscape(
        land, noise.sigma, noise.misjudged, crash_rate=0.5
    ),
}
"""Of a landscape, by name; those from ``shuffled`` on are controls, see `CONTROLS`."""

CONTROLS = ("shuffled", "shuffled short", "noiseless", "repeating", "crashes")
