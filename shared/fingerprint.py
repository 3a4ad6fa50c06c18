"""What sealed text and training text must agree on, so that copies are found by hashes alone.

Text is normalised (NFKC, lower case) and cut into tokens: runs of letters and digits; every
Chinese, Japanese or Korean character for itself.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from shared.contracts.base import Versioned

NGRAM = 13
"""Tokens in a run (Brown et al., "Language Models are Few-Shot Learners", 2020, appendix C)."""

FEWEST = 5
"""Texts of fewer tokens are not hashed: labels and single words are everywhere."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


class Fingerprint(Versioned):
    """Hashes of every sealed item of a task. Nothing of the items can be read from it."""

    task: str
    ngram: int = NGRAM
    splits: tuple[str, ...]
    items: int
    """Sealed items behind the hashes."""

    ngrams: tuple[str, ...]
    """BLAKE2b-64 of runs of ``ngram`` tokens joined by single spaces, 16 hexadecimal digits."""

    texts: tuple[str, ...]
    """The same of whole texts of `FEWEST` to ``ngram`` - 1 tokens."""


def tokens(text: str) -> list[str]:
    """Return the normalised tokens of a text."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def hashed(words: Iterable[str]) -> str:
    """Return the BLAKE2b-64 of tokens joined by single spaces, as 16 hexadecimal digits."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=8).hexdigest()
