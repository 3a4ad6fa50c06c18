"""A place to look into that holds what a test put there."""

from collections.abc import Mapping, Sequence

from services.researcher.tools.research import Dataset, Found, Kind, Paper, Passage


class Shelf:
    """A `Research` that finds the same whatever is asked, and remembers what was."""

    def __init__(
        self,
        *,
        papers: Sequence[Paper] = (),
        passages: Sequence[Passage] = (),
        datasets: Sequence[Dataset] = (),
        catalogue: Sequence[Dataset] = (),
        faults: Mapping[Kind, str] | None = None,
    ) -> None:
        """Take what is found, and what cannot be looked into, in a sentence."""
        self._papers = tuple(papers)
        self._passages = tuple(passages)
        self._datasets = tuple(datasets)
        self._catalogue = tuple(catalogue)
        self._faults = faults or {}
        self.asked: list[tuple[Kind, str]] = []

    @property
    def kinds(self) -> frozenset[Kind]:
        """What something was put there of, or said about."""
        there: dict[Kind, bool] = {
            "papers": bool(self._papers),
            "passages": bool(self._passages),
            "datasets": bool(self._datasets),
            "catalogue": bool(self._catalogue),
        }
        return frozenset(kind for kind, any_ in there.items() if any_) | set(self._faults)

    def papers(self, query: str) -> Found[Paper]:
        """Find every publication."""
        return Found(self._papers, self._said("papers", query))

    def passages(self, query: str) -> Found[Passage]:
        """Find every passage."""
        return Found(self._passages, self._said("passages", query))

    def datasets(self, query: str) -> Found[Dataset]:
        """Find every data set of the hub."""
        return Found(self._datasets, self._said("datasets", query))

    def catalogue(self, query: str) -> Found[Dataset]:
        """Find every data set at hand."""
        return Found(self._catalogue, self._said("catalogue", query))

    def _said(self, kind: Kind, query: str) -> tuple[str, ...]:
        self.asked.append((kind, query))
        return (self._faults[kind],) if kind in self._faults else ()
