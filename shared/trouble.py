"""What a person should know of a worker, each in a sentence. Pure: numbers in, words out."""

from pathlib import Path

from shared.contracts.base import CONTRACTS

CLOCK_S = 60.0
"""Seconds by which a clock may be wrong before anybody is told. No decision depends on it."""

ROOM_GIB = 1.0
"""Room without which nothing is begun that writes: a checkpoint of a small model with all that
training goes on from."""


def version_trouble(planners: int | None, *, mine: int = CONTRACTS) -> str | None:
    """Say why a worker may not work for a planner of other contracts; None when it may.

    Args:
        planners: the number of the planner's contracts; None when no planner has said it.
        mine: that of the worker.
    """
    if planners is None or mine in (planners, planners - 1):
        return None
    if mine < planners:
        return (
            f"wanted a worker with contracts {planners} or {planners - 1}, as the planner has "
            f"them, found {mine}; upgrade this worker"
        )
    return (
        f"wanted a planner with contracts {mine}, as this worker has them, found {planners}; "
        "it waits until the planner is upgraded"
    )


def clock_trouble(ahead_s: float) -> str | None:
    """Say that a clock is wrong, if it is by more than `CLOCK_S`."""
    if abs(ahead_s) <= CLOCK_S:
        return None
    side = "ahead of" if ahead_s > 0 else "behind"
    return (
        f"wanted this host's clock to agree with the server's, found it {abs(ahead_s):,.0f} s "
        f"{side} it; set it, for log lines and traces have its time (nothing else does)"
    )


def room_trouble(free_gib: float | None, folder: Path | None) -> str | None:
    """Say that a folder has no room, if it has less than `ROOM_GIB`."""
    if free_gib is None or free_gib >= ROOM_GIB:
        return None
    return (
        f"wanted {ROOM_GIB:g} GiB free in {folder}, found {free_gib:.2f}; free some space: until "
        "then this worker takes nothing that writes"
    )
