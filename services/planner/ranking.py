"""Finds the highest index among all nodes without looking at all of them."""

import heapq
from array import array

import numpy as np
from numpy.typing import NDArray

_LEAST = 1000
_SHARE = 50
"""The best nodes, at least a thousand and at least one in fifty, stand on the heap."""


class Ranking:
    """Indexes by node, highest first.

    Only the best nodes stand on a heap, all of at least some index. What rises to that index is put
    there too; the rest is looked at when the heap is used up. Entries that no longer hold are
    skipped when they come up, so a change costs ``O(log n)``, and mostly nothing.
    """

    def __init__(self) -> None:
        self.index = array("d", [-1.0])
        self._heap: list[tuple[float, int]] = []
        self._floor = 0.0
        """Every node of at least this index is on the heap."""

    def append(self) -> None:
        """Make room for a new node, which nothing can be done with yet."""
        self.index.append(-1.0)

    def replace_all(self, indexes: NDArray[np.float64]) -> None:
        """Take the indexes of every node anew."""
        np.asarray(self.index)[:] = indexes
        self._fill(max(_LEAST, len(indexes) // _SHARE))

    def set(self, node: int, index: float) -> None:
        """Take the index of one node; below 0 when nothing can be done with it."""
        self.index[node] = index
        if index >= self._floor:
            heapq.heappush(self._heap, (-index, node))

    def top(self, count: int) -> list[int]:
        """Return up to ``count`` nodes of the highest indexes; of equals the older first."""
        found: list[tuple[float, int]] = []
        while self._heap and len(found) < count:
            entry = heapq.heappop(self._heap)
            index, node = entry
            if -index == self.index[node] and entry not in found:
                found.append(entry)
        for entry in found:
            heapq.heappush(self._heap, entry)
        if len(found) < count and self._floor > 0.0:
            self._fill(max(_LEAST, 2 * count, len(self.index) // _SHARE))
            return self.top(count)
        return [node for _, node in found]

    def _fill(self, count: int) -> None:
        """Put the best nodes onto the heap: so many, and all that are as good as the last."""
        index = np.asarray(self.index)
        nodes = np.flatnonzero(index >= 0)
        self._floor = 0.0
        if len(nodes) > count:
            self._floor = float(np.partition(index[nodes], -count)[-count])
            nodes = nodes[index[nodes] >= self._floor]
        self._heap = list(zip((-index[nodes]).tolist(), nodes.tolist(), strict=True))
        heapq.heapify(self._heap)
