"""Finds the highest index among all nodes without looking at all of them."""

import heapq
from array import array

import numpy as np
from numpy.typing import NDArray


class Ranking:
    """Indexes by node, highest first.

    After a refresh the nodes stand sorted; whatever changes later goes onto a heap beside them.
    Entries that no longer hold are skipped when they come up, so a change costs ``O(log n)``.
    """

    def __init__(self) -> None:
        self.index = array("d", [-1.0])
        self._moved = array("b", [0])  # changed since the refresh: its sorted place is void
        self._sorted = array("i")
        self._next = 0
        self._heap: list[tuple[float, int]] = []

    def append(self) -> None:
        """Make room for a new node, which nothing can be done with yet."""
        self.index.append(-1.0)
        self._moved.append(1)

    def replace_all(self, indexes: NDArray[np.float64]) -> None:
        """Take the indexes of every node anew."""
        np.asarray(self.index)[:] = indexes
        np.asarray(self._moved)[:] = 0
        order = np.argsort(-indexes, kind="stable").astype(np.int32)
        self._sorted = array("i", order[: int((indexes >= 0).sum())].tobytes())
        self._next = 0
        self._heap = []

    def set(self, node: int, index: float) -> None:
        """Take the index of one node; below 0 when nothing can be done with it."""
        self.index[node] = index
        self._moved[node] = 1
        if index >= 0:
            heapq.heappush(self._heap, (-index, node))

    def top(self, count: int) -> list[int]:
        """Return up to ``count`` nodes of the highest indexes; of equals the older first."""
        found: list[tuple[float, int]] = []
        kept: list[tuple[float, int]] = []
        at = self._next
        while len(found) < count:
            while at < len(self._sorted) and self._moved[self._sorted[at]]:
                at += 1
            if not found:
                self._next = at
            while self._heap and -self._heap[0][0] != self.index[self._heap[0][1]]:
                heapq.heappop(self._heap)
            candidates = [self._heap[0]] if self._heap else []
            if at < len(self._sorted):
                candidates.append((-self.index[self._sorted[at]], self._sorted[at]))
            if not candidates:
                break
            best = min(candidates)
            if self._heap and best is candidates[0]:
                kept.append(heapq.heappop(self._heap))
            else:
                at += 1
            if best not in found:
                found.append(best)
        for entry in kept:
            heapq.heappush(self._heap, entry)
        return [node for _, node in found]
