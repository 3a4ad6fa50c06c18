"""Looks wherever the settings allow it."""

from collections.abc import Callable, Iterable

from pydantic import SecretStr

from services.researcher.tools.arxiv import arxiv
from services.researcher.tools.catalogue import Catalogue
from services.researcher.tools.hub_datasets import hub_datasets
from services.researcher.tools.hub_papers import hub_papers
from services.researcher.tools.library import Library
from services.researcher.tools.research import Dataset, Found, Kind, Paper, Passage
from services.researcher.tools.semantic_scholar import semantic_scholar
from services.researcher.tools.web import Silent, Web
from shared.settings import ResearcherSettings

MOST_PAPERS = 4
"""Of one service, for one query."""

MOST_PASSAGES = 4

MOST_DATASETS = 3


class Everywhere:
    """A `Research` over arXiv, Semantic Scholar, Hugging Face and what lies on this machine.

    One a piece of work. Looking for the same thing again asks nobody: see `Web`, `Library` and
    `Catalogue`.
    """

    def __init__(
        self,
        web: Web,
        library: Library | None,
        catalogue: Catalogue | None,
        key: SecretStr | None,
    ) -> None:
        """Take services, documents, data sets at hand, and Semantic Scholar's key."""
        self._web = web
        self._library = library
        self._catalogue = catalogue
        self._key = key

    @property
    def kinds(self) -> frozenset[Kind]:
        """What there is a chance to find anything of."""
        kinds: set[Kind] = {"papers", "datasets"} if self._web.can_answer else set()
        if self._library is not None:
            kinds.add("passages")
        if self._catalogue is not None:
            kinds.add("catalogue")
        return frozenset(kinds)

    def papers(self, query: str) -> Found[Paper]:
        """Look for publications in three places; one that stands in several counts once."""
        looks: list[Callable[[], tuple[Paper, ...]]] = [
            lambda: arxiv(self._web, query, MOST_PAPERS),
            lambda: semantic_scholar(self._web, query, MOST_PAPERS, key=self._key),
            lambda: hub_papers(self._web, query, MOST_PAPERS),
        ]
        found: list[Paper] = []
        faults: list[str] = []
        for look in looks:
            try:
                found += look()
            except Silent as why:
                faults.append(str(why))
        return Found(tuple(_once(found)), tuple(faults))

    def passages(self, query: str) -> Found[Passage]:
        """Look into the user's documents."""
        return Found() if self._library is None else self._library.look(query, MOST_PASSAGES)

    def datasets(self, query: str) -> Found[Dataset]:
        """Look for data sets on the hub."""
        try:
            return hub_datasets(self._web, query, MOST_DATASETS)
        except Silent as why:
            return Found(faults=(str(why),))

    def catalogue(self, query: str) -> Found[Dataset]:
        """Look for data sets at hand."""
        return Found() if self._catalogue is None else self._catalogue.look(query, MOST_DATASETS)


def _once(papers: Iterable[Paper]) -> Iterable[Paper]:
    """Keep the first of papers with one address or one title."""
    seen: set[str] = set()
    for paper in papers:
        names = {paper.where, paper.title.casefold()}
        if not names & seen:
            yield paper
        seen |= names


def everywhere(
    settings: ResearcherSettings,
    *,
    key: SecretStr | None = None,
    give_up: Callable[[], None] = lambda: None,
) -> Everywhere:
    """Return what the settings allow to look into, for one piece of work.

    Args:
        settings: of the researcher.
        key: of Semantic Scholar; without one it often takes no requests.
        give_up: called before each request, document and data set; raises when the work is no
            longer wanted.
    """
    cache = settings.cache
    folder = settings.library
    library = None if folder is None else Library(folder, cache / "library", give_up=give_up)
    web = Web(cache / "web", network=settings.network, give_up=give_up)
    listed = settings.catalogue
    catalogue = None if listed is None else Catalogue(listed, give_up=give_up)
    return Everywhere(web, library, catalogue, key)
