"""Finds the texts that speak of what a query asks. Pure."""

from collections.abc import Sequence
from typing import Any


class Ranking:
    """Ranks texts by BM25.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
    as bm25s computes it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Index texts; some five seconds of a core for 10,000 passages."""
        import bm25s

        self._size = len(texts)
        self._index = None
        words = _tokenized(texts, return_ids=True)
        if any(words.ids):
            self._index = bm25s.BM25()
            self._index.index(words, show_progress=False)

    def best(self, query: str, most: int) -> list[int]:
        """Return the places of at most so many texts, best first, that share a word with it."""
        asked = _tokenized([query], return_ids=False)
        if self._index is None or not asked[0]:
            return []
        found, scores = self._index.retrieve(asked, k=min(most, self._size), show_progress=False)
        pairs = zip(found[0], scores[0], strict=True)
        return [int(place) for place, score in pairs if score > 0.0]


def _tokenized(texts: Sequence[str], *, return_ids: bool) -> Any:
    import bm25s

    return bm25s.tokenize(list(texts), stopwords="en", return_ids=return_ids, show_progress=False)
