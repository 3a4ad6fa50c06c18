"""What an attempt leaves where other hosts find it, for the next attempt at the run. No torch.

Of an attempt that is over nobody asks for anything but what it was interrupted in: a claim with a
higher fence means that its outcome will never be recorded.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from services.executor.interruption import STATE, steps_in, steps_of, take_over
from shared.artifacts.artifacts import Artifacts
from shared.errors import Unavailable

logger = logging.getLogger(__name__)

INTERRUPTED = "interrupted"
"""Folder of an attempt with what the next one goes on from."""


def hand_on(artifacts: Artifacts, home: Path, attempt: Path, *, go_on: Callable[[], None]) -> None:
    """Publish what the next attempt at a run can go on from, if there is anything, and anywhere.

    Where hosts share a folder it lies there already.
    """
    if artifacts.bucket is None:
        return
    left = take_over(home, attempt / INTERRUPTED)
    try:
        if left is not None:
            artifacts.publish(left, go_on=go_on)
    except Unavailable as error:  # another attempt on this host still finds it
        logger.warning("other hosts cannot go on from %s: %s", left, error)


def farthest(artifacts: Artifacts, home: Path, *, than: Path | None) -> str | None:
    """Return the name of what another host got farther with; None if this one is as far.

    Args:
        artifacts: where it may have been published.
        home: of the run, with a folder an attempt.
        than: what an attempt of this host left.
    """
    here = -1 if than is None else (steps_of(than) or 0)
    steps = {
        name: steps_in(artifacts.read(name, STATE))
        for name in artifacts.published(home)
        if name.endswith(f"/{INTERRUPTED}") and artifacts.is_whole(name)
    }
    best = max(steps, key=lambda name: steps[name], default=None)
    return best if best is not None and steps[best] > here else None


def clear_away(artifacts: Artifacts, home: Path, fence: int) -> None:
    """Remove what attempts with lower fences published, whole or not: nobody asks for it."""
    try:
        for name in artifacts.published(home):
            if int(name.split("/")[-2].removeprefix("attempt-")) < fence:
                artifacts.discard(name)
    except Unavailable as error:  # the outcome counts; `trex artifacts` finds what is left
        logger.warning("cannot clear away after earlier attempts: %s", error)
