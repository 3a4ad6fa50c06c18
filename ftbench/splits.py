"""Which split an item is in: decided by a hash of its group, so that it never changes."""

import hashlib
from collections.abc import Mapping

from ftbench.task import Split


def split_by_hash(task: str, group: str, shares: Mapping[Split, float]) -> Split:
    """Return the split of a group, drawn with the given shares, which sum to 1.

    Depends on the task's name and the group alone: not on the order of the data, their number, or
    the machine. A group therefore stays where it is when others are added.
    """
    digest = hashlib.sha256(f"{task}\n{group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    end = 0.0
    for split, share in shares.items():
        end += share
        if place < end:
            return split
    return split  # rounding left the last sliver over
