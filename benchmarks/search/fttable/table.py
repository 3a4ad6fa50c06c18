"""Reads the table of real runs; see `README.md` beside it for what was run and how."""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.fttable.grid import DEFAULT, Point, points_of
from shared.errors import Rejected
from shared.rows import sha256_of

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Table:
    """Every run of one task: arrays by point, seed and, where it matters, rung."""

    manifest: dict[str, Any]
    columns: dict[str, NDArray[Any]]

    @property
    def levels(self) -> Point:
        """Of each axis, how many levels were run."""
        return tuple(len(levels) for levels in self.manifest["axes"].values())

    @cached_property
    def place(self) -> dict[Point, int]:
        """Where each point stands in the columns."""
        return {point: at for at, point in enumerate(points_of(self.levels))}

    @property
    def seeds(self) -> int:
        """Runs of each point."""
        return len(self.manifest["seeds"])

    def failed(self, point: Point, seed: int) -> bool:
        """Whether the run did not end."""
        return bool(self.columns["failed"][self.place[point], seed])

    def accuracy(self, point: Point, seed: int, rung: int, split: str) -> float:
        """Return the share of right answers; the splits that check only have the last rung."""
        return float(self._accuracies[split][self.place[point], seed, rung])

    def answers(self, point: Point, seed: int) -> NDArray[np.uint8]:
        """Return 1 for each item that is searched by which a full run answers right, else 0."""
        bits = self.columns["search"][self.place[point], seed, -1]
        return np.unpackbits(bits)[: self.manifest["items"]["search"]]

    def cost_s(self, point: Point, rung: int) -> float:
        """Return the CPU-seconds of training up to a rung, the mean over seeds that got there."""
        seconds = self.columns["cpu_s"][self.place[point]].cumsum(axis=1)[:, rung]
        return float(np.nanmean(seconds))

    def truth(self, point: Point) -> float:
        """Return the mean accuracy of full runs on the test items, over seeds; 0 if all failed."""
        shares = self._accuracies["test"][self.place[point], :, -1]
        return float(np.nanmean(shares)) if np.isfinite(shares).any() else 0.0

    @cached_property
    def best(self) -> float:
        """The highest `truth` of all points."""
        return max(self.truth(point) for point in self.place)

    @cached_property
    def default(self) -> float:
        """The `truth` of what one gets without searching."""
        return self.truth(DEFAULT)

    @cached_property
    def _accuracies(self) -> dict[str, NDArray[np.float64]]:
        found = {}
        for split, count in self.manifest["items"].items():
            bits = np.unpackbits(self.columns[split], axis=-1)[..., :count]
            share = bits.mean(axis=-1)
            if share.ndim == 2:  # measured at the last rung only
                nothing = np.full((*share.shape, len(self.manifest["rungs"]) - 1), np.nan)
                share = np.concatenate([nothing, share[..., None]], axis=-1)
            share[self.columns["failed"]] = np.nan
            found[split] = share
        return found


@lru_cache
def read_table(task: str) -> Table:
    """Return a committed table.

    Raises:
        Rejected: a file is missing or is not the one that its manifest describes.
    """
    manifest_file, file = HERE / f"{task}.json", HERE / f"{task}.npz"
    if not manifest_file.exists() or not file.exists():
        raise Rejected(
            f"wanted the table {task} at {HERE}, found no {task}.json with a {task}.npz; make it "
            "as README.md there says"
        )
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    found = sha256_of(file)
    if found != manifest["sha256"][file.name]:
        raise Rejected(
            f"{file}: wanted the file of its manifest, found sha256 {found}; check it out again"
        )
    with np.load(file) as columns:
        return Table(manifest, {name: columns[name] for name in columns.files})
