"""What an interrupted attempt at a run leaves, for the next one to go on from. No torch."""

import json
from pathlib import Path

from shared.errors import Interrupted

STATE = "trainer_state.json"
"""File of a checkpoint that transformers writes last."""

SECONDS = "seconds"
"""File of a checkpoint, written after all others: how long the run had taken by then."""


class ToldToStop(Interrupted):
    """The run shall go on elsewhere; what it can go on from is saved."""


def scratch_of(checkpoint: Path) -> Path:
    """Return where a run keeps what it could go on from, beside its checkpoint to be."""
    return checkpoint.with_name(f"{checkpoint.name}.trainer")


def take_over(home: Path, to: Path) -> Path | None:
    """Take what the attempts below ``home`` got farthest with; return where it is now, if any.

    Taken by renaming, so that an attempt that does not know yet that it is over cannot change it.
    """
    left = [*home.glob("attempt-*/*.trainer/checkpoint-*"), *home.glob(f"attempt-*/{to.name}")]
    steps = {folder: done for folder in left if (done := steps_of(folder)) is not None}
    if not steps:
        return None
    to.parent.mkdir(parents=True, exist_ok=True)
    return max(steps, key=lambda folder: steps[folder]).rename(to)


def steps_of(folder: Path) -> int | None:
    """Return how many steps had been done, None of what was not written to its end."""
    try:
        float((folder / SECONDS).read_text())
        return steps_in((folder / STATE).read_bytes())
    except (OSError, ValueError, KeyError):
        return None


def steps_in(state: bytes) -> int:
    """Return how many steps the content of a `STATE` says."""
    return int(json.loads(state)["global_step"])
