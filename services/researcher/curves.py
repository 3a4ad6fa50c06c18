"""What the loss curves of a run say about how well its recipe fits its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from shared.contracts.run import LossPoint, Trained

Fit = Literal["underfitting", "overfitting", "healthy", "unknown"]

LEAST_POINTS = 8
"""Points of the training curve below which a quarter of it is noise."""

STILL_FALLING = 0.1
"""Share of the whole fall that the last quarter may add before training ended too early.

A loss that falls as ``exp(-t / tau)`` adds this much when stopped at about 2.5 tau, with a twelfth
of its way still before it.
"""

HARDLY_MOVED = 0.9
"""A run that ends above this share of its first loss has hardly learnt."""

CLEARLY_RISEN = 0.05
"""Share by which the held-out loss must rise from its minimum to count as overfitting.

It is measured on the same rows each time, so that a twentieth is far outside its noise.
"""

_LEAST_NATS = 0.01  # differences below make no answer different
_LEAST_FALL = 0.02  # of the loss: what one window differs from the next by chance


@dataclass(frozen=True, slots=True)
class Reading:
    """What the curves say, with the numbers it rests on."""

    fit: Fit
    said: str
    """The numbers, as a clause; empty when there is nothing to say."""


def read_curves(trained: Trained) -> Reading:
    """Return the fit of a run. Overfitting is looked for first: it harms, underfitting only wastes.

    Losses are in nats per trained token.
    """
    losses = [point.loss for point in trained.train_curve]
    if len(losses) < LEAST_POINTS:
        return Reading("unknown", f"its training curve has only {len(losses)} points")
    start, end = _first(losses), _last(losses)
    course = f"the training loss went from {start:.3f} to {end:.3f}"
    risen = _held_out_rise(trained)
    if risen is not None:
        return Reading("overfitting", f"{course} while {risen}")
    if end > HARDLY_MOVED * start and end > _LEAST_NATS:
        return Reading("underfitting", f"{course} and so hardly moved")
    if _still_falling(losses, start):
        return Reading("underfitting", f"{course} and was still falling")
    return Reading("healthy", course)


def _still_falling(losses: Sequence[float], start: float) -> bool:
    quarter = len(losses) // 4
    before, after = fmean(losses[-2 * quarter : -quarter]), fmean(losses[-quarter:])
    fall = before - after
    clear = fall > max(_LEAST_NATS, _LEAST_FALL * before)
    return clear and fall > STILL_FALLING * (start - after)


def _held_out_rise(trained: Trained) -> str | None:
    """Return how far the held-out loss rose from its minimum; None when it did not clearly."""
    if len(trained.held_out_curve) < 2:
        return None
    least = min(trained.held_out_curve, key=lambda point: point.loss)
    last = trained.held_out_curve[-1]
    rise = last.loss - least.loss
    if rise <= max(_LEAST_NATS, CLEARLY_RISEN * least.loss):
        return None
    # Where both rise, training is coming apart rather than learning its rows by heart.
    if _mean_up_to(trained.train_curve, least.step) <= _last([p.loss for p in trained.train_curve]):
        return None
    return f"the held-out loss rose from {least.loss:.3f} at step {least.step} to {last.loss:.3f}"


def _mean_up_to(curve: Sequence[LossPoint], step: int) -> float:
    """Return the training loss around a step: a tenth of the curve, ending there."""
    until = [point.loss for point in curve if point.step <= step]
    return _last(until, window=_window(curve)) if until else curve[0].loss


def _first(losses: Sequence[float]) -> float:
    return fmean(losses[: _window(losses)])


def _last(losses: Sequence[float], window: int | None = None) -> float:
    return fmean(losses[-(window or _window(losses)) :])


def _window(points: Sequence[object]) -> int:
    return max(1, len(points) // 10)
