"""Finds the texts that speak of what a query asks. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+")
"""Kana, Chinese characters and Hangul, which are written without spaces or with few."""


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

    words = [_CJK.sub(_pairs, text) for text in texts]
    return bm25s.tokenize(words, stopwords="en", return_ids=return_ids, show_progress=False)


def _pairs(run: re.Match[str]) -> str:
    """Return each two neighbours of a run as a word.

    Source: Nie and others, "On the Use of Words and N-grams for Chinese Information Retrieval",
    2000.
    """
    return f" {' '.join(map(''.join, pairwise(run[0])))} "
