"""How many processes train a run together, and which of them this one is. No torch.

``accelerate launch`` numbers them in their environment; a process that it did not start is alone.
"""

import os


def number() -> int:
    """Return how many processes train this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def number_on_machine() -> int:
    """Return which of its machine's processes this one is, counted from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that saves, prints and reports."""
    return int(os.environ.get("RANK", "0")) == 0
