"""What can be looked into, and what a look gives."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")

Kind = Literal["papers", "passages", "datasets", "catalogue"]
"""What is looked for, by the method that looks."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A publication. Its words are those of strangers."""

    title: str
    abstract: str
    """At most 2,000 characters; empty when the service has none."""
    where: str
    """Its address, made from its id: no address that a stranger wrote is taken."""
    year: int | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Some paragraphs of a document of the user's library."""

    document: str
    """Path within the library."""
    place: str
    """Page or heading, as ``page 3``; empty at the head of a text."""
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that might be trained on. Its words are those of strangers."""

    name: str
    """Its id on the hub, or its name in the catalogue."""
    where: str
    """Its address on the hub, or its path."""
    licence: str | None
    description: str
    """At most 500 characters."""
    splits: tuple[str, ...] = ()
    """All that it has, as far as known."""
    rows: int | None = None
    """Of the split that would be trained on."""
    columns: tuple[str, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    """A few of its rows."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What a look gave, best first, and what it could not see."""

    items: tuple[T, ...] = ()
    faults: tuple[str, ...] = ()
    """What could not be looked into and why, a sentence each; never the query."""


class Research(Protocol):
    """Looks things up. No method raises for what a service, a file or a query does wrong.

    `shared.answering.GivenUp` passes through: the work was cancelled or taken away meanwhile.
    """

    @property
    def kinds(self) -> frozenset[Kind]:
        """What there is a chance to find anything of; empty where nothing can be looked into."""
        ...

    def papers(self, query: str) -> Found[Paper]:
        """Look for publications by keywords."""
        ...

    def passages(self, query: str) -> Found[Passage]:
        """Look into the user's documents."""
        ...

    def datasets(self, query: str) -> Found[Dataset]:
        """Look for data sets on the hub by a word or two of their names."""
        ...

    def catalogue(self, query: str) -> Found[Dataset]:
        """Look for data sets at hand."""
        ...
