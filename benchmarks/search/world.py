"""What a search is tried on, and who tries: the two sides of the benchmark, and their words.

A *configuration* is a tuple of one number a dimension. Worths are regrets upside down: the unit and
the zero are the world's, `World.regret` makes worlds comparable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

Configuration = tuple[float, ...]
Split = Literal["search", "selection"]
Deliverable = Literal["recipe", "checkpoint"]


@dataclass(frozen=True, slots=True)
class Dimension:
    """What may be chosen of one part of a configuration."""

    name: str
    levels: int | None
    """Choices 0, 1, ...; None for any number in [0, 1]."""
    ordered: bool = False
    """Whether the levels stand in an order."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A score of one checkpoint."""

    value: float
    variance: float
    """Of the value, from the items it was measured on."""


class World(Protocol):
    """Fine-tuning runs: what they cost, what is measured of them, what they are worth."""

    rungs: Sequence[float]
    """Shares of a full run, rising, the last 1."""

    dimensions: Sequence[Dimension]

    def draft(self, rng: Random) -> Configuration:
        """Return a fresh configuration."""
        ...

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        """Return a changed configuration, as a researcher of this world's quality would."""
        ...

    def cost(self, configuration: Configuration) -> float:
        """Return the cost of a full run, in mean full runs; known before it starts."""
        ...

    def crashes(self, configuration: Configuration) -> bool:
        """Whether runs of it fail."""
        ...

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        """Return the score of a run of the given length; the same for the same arguments."""
        ...

    def truth(self, configuration: Configuration) -> float:
        """Return what a full run of it scores on average."""
        ...

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        """Return what the checkpoint of that one run is worth, its luck included."""
        ...

    def regret(self, truth: float) -> float:
        """Return 0 for the best there is and 1 for what one gets without searching."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that a contestant asks for. The seed's earlier, shorter run is resumed if there is one.

    On the selection split nothing is trained that was trained before: the checkpoint is scored.
    """

    configuration: Configuration
    rung: int
    seed: int = 0
    split: Split = "search"
    node: int = 0
    """The contestant's own mark."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a contestant hands back."""

    configuration: Configuration
    rung: int
    seed: int
    reported: float
    """The score it claims."""


class Contestant(Protocol):
    """A rule that spends a budget on runs."""

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        """Return the next run; None to wait for one in flight, or to end when none is."""
        ...

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        """Take in a result; None for a run that failed."""
        ...

    def deliver(self, what: Deliverable) -> Delivered | None:
        """Return the best so far; None before anything was measured."""
        ...


class Researcher:
    """Proposes configurations that were not tried before; the same one for every contestant."""

    _TRIES = 20

    def __init__(self, world: World, rng: Random) -> None:
        self._world, self._rng = world, rng
        self._proposed: set[Configuration] = set()

    def draft(self) -> Configuration | None:
        """Return a fresh configuration; None when nothing new comes to mind."""
        return self._new(lambda: self._world.draft(self._rng))

    def improve(self, parent: Configuration) -> Configuration | None:
        """Return a changed configuration; None when nothing new comes to mind."""
        return self._new(lambda: self._world.mutate(parent, self._rng))

    def _new(self, propose: Callable[[], Configuration]) -> Configuration | None:
        for _ in range(self._TRIES):
            configuration = propose()
            if configuration not in self._proposed:
                self._proposed.add(configuration)
                return configuration
        return None
