"""When a language model that was away is tried again. Pure."""

from dataclasses import dataclass

FIRST_S = 5.0
LONGEST_S = 300.0

LONGEST_ASKED_S = 3600.0
"""Seconds that a server may ask to be left alone; one that asks for a year is tried after this."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to leave a model alone: after every failure in a row twice as long."""

    wait_s: float = 0.0
    until: float = 0.0
    """Seconds since 1970."""
    why: str = ""
    """What happened last, in a sentence; empty of a model that is there."""

    def after_failure(self, now: float, why: str, retry_after_s: float | None) -> "Backoff":
        """Return how long it is left alone now: what it asked for, or twice the last wait."""
        doubled = min(max(FIRST_S, 2 * self.wait_s), LONGEST_S)
        wait_s = doubled if retry_after_s is None else min(max(0.0, retry_after_s), LONGEST_ASKED_S)
        return Backoff(doubled, now + wait_s, why)

    def left_s(self, now: float) -> float:
        """Return the seconds until it may be tried."""
        return max(0.0, self.until - now)
