"""Finds the texts that speak of what a query asks. Pure."""

from collections.abc import Sequence


class Ranking:
    """Ranks texts by BM25.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
    as bm25s computes it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Index texts; about a second for 10,000 passages."""
        import bm25s

        self._tokenize = bm25s.tokenize
        words = self._words(texts)
        self._index = None
        if any(words):
            self._index = bm25s.BM25()
            self._index.index(words, show_progress=False)
            self._size = len(words)

    def best(self, query: str, most: int) -> list[int]:
        """Return the places of at most so many texts, best first, that share a word with it."""
        asked = self._words([query])
        if self._index is None or not asked[0]:
            return []
        found, scores = self._index.retrieve(asked, k=min(most, self._size), show_progress=False)
        pairs = zip(found[0], scores[0], strict=True)
        return [int(place) for place, score in pairs if score > 0.0]

    def _words(self, texts: Sequence[str]) -> list[list[str]]:
        words: list[list[str]] = self._tokenize(
            list(texts), stopwords="en", return_ids=False, show_progress=False
        )
        return words
