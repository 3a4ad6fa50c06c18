"""Pools effects of the same change measured in several experiments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SPREAD = 0.02
"""Standard deviation, in score, by which one change does differently from place to place at least:
about what two seeds differ by. The paired error of one comparison does not see it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one experiment measured."""

    value: float
    """In the metric's unit."""
    stderr: float
    """Standard error of ``value``."""
    weight: float
    """How much it bears on the question, in (0, 1]."""


def pooled(effects: Sequence[Effect]) -> tuple[float, float]:
    """Return the mean of at least one effect, and its standard error.

    A random-effects mean: each effect has its own error and, beside it, the spread between
    experiments, so that one lucky precise experiment does not decide. An effect of weight a counts
    as one with a variance 1 / a times as large.

    Source: DerSimonian and Laird, "Meta-analysis in clinical trials", 1986, for the spread; Ibrahim
    and Chen, "Power prior distributions for regression models", 2000, for the weights.
    """
    between = max(LEAST_SPREAD**2, _between(effects))
    weights = [effect.weight / (effect.stderr**2 + between) for effect in effects]
    total = math.fsum(weights)
    mean = math.fsum(w * effect.value for w, effect in zip(weights, effects, strict=True)) / total
    return mean, math.sqrt(1 / total)


def _between(effects: Sequence[Effect]) -> float:
    """Return the variance between experiments by the method of moments; negative if none shows."""
    weights = [1 / max(effect.stderr, 1e-3) ** 2 for effect in effects]  # no error is quite none
    total = math.fsum(weights)
    mean = math.fsum(w * effect.value for w, effect in zip(weights, effects, strict=True)) / total
    q = math.fsum(
        w * (effect.value - mean) ** 2 for w, effect in zip(weights, effects, strict=True)
    )
    room = total - math.fsum(w * w for w in weights) / total
    return (q - (len(effects) - 1)) / room if room > 0 else 0.0
