"""A folder of documents that can be looked into."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from services.researcher.tools.passages import Unreadable, clean, passages_of
from services.researcher.tools.ranking import Ranking
from services.researcher.tools.research import Found, Passage
from services.researcher.tools.web import keep
from shared.rows import sha256_of

SUFFIXES = (".pdf", ".md", ".markdown", ".txt")

MOST_DOCUMENTS = 2000

MOST_BYTES = 100_000_000
"""Largest document that is read."""

_READ_AS = 1
"""Raised when `services.researcher.tools.passages` reads documents in another way."""


class Library:
    """The passages of all documents in a folder and below, ranked by what a query asks.

    The passages of a document are kept under the hash of its bytes, for reading a PDF takes
    seconds and ranking none: of a folder that grew by one document, that one is read.
    """

    def __init__(
        self, folder: Path, cache: Path, *, give_up: Callable[[], None] = lambda: None
    ) -> None:
        """Take where the documents are and where their passages are kept.

        ``give_up`` is called before each document; it raises when the work is no longer wanted.
        """
        self._folder = folder
        self._cache = cache
        self._give_up = give_up
        self._read: tuple[list[Passage], Ranking, tuple[str, ...]] | None = None

    def look(self, query: str, most: int) -> Found[Passage]:
        """Return the passages that speak most of a query, and which documents cannot be read."""
        if self._read is None:
            self._read = self._look_through()
        passages, ranking, faults = self._read
        return Found(tuple(passages[place] for place in ranking.best(query, most)), faults)

    def _look_through(self) -> tuple[list[Passage], Ranking, tuple[str, ...]]:
        passages: list[Passage] = []
        faults: list[str] = []
        if not self._folder.is_dir():
            faults.append("The library was not looked into: there is no such folder.")
        documents = sorted(self._documents())
        if len(documents) > MOST_DOCUMENTS:
            left = len(documents) - MOST_DOCUMENTS
            faults.append(f"{left} documents of the library were left out: they are too many.")
        for file in documents[:MOST_DOCUMENTS]:
            self._give_up()
            name = clean(file.relative_to(self._folder).as_posix())
            try:
                found = self._passages(file, name)
            except Unreadable as why:
                faults.append(f"{name} of the library could not be read: {why}.")
            except OSError as error:  # somebody else's, or gone meanwhile
                faults.append(f"{name} of the library could not be read: {error.strerror}.")
            else:
                passages += found
                if not found:  # a scan, as a rule
                    faults.append(f"{name} of the library holds no text that can be read.")
        # Headings are worth words too: what a part is about often stands there alone.
        ranking = Ranking([f"{passage.place}\n{passage.text}" for passage in passages])
        return passages, ranking, tuple(faults)

    def _documents(self) -> Iterator[Path]:
        for file in self._folder.rglob("*"):
            hidden = any(part.startswith(".") for part in file.relative_to(self._folder).parts)
            if file.suffix.lower() in SUFFIXES and not hidden and file.is_file():
                yield file

    def _passages(self, file: Path, name: str) -> list[Passage]:
        if file.stat().st_size > MOST_BYTES:
            raise Unreadable(f"it is larger than {MOST_BYTES:,} bytes")
        kept = self._cache / f"{sha256_of(file)[:32]}-{_READ_AS}{file.suffix.lower()}.json"
        try:
            read = json.loads(kept.read_text(encoding="utf-8"))
            return [Passage(name, one["place"], one["text"]) for one in read]
        except (OSError, ValueError, KeyError, TypeError):
            passages = list(passages_of(file, name))
        keep(kept, [{"place": one.place, "text": one.text} for one in passages])
        return passages
