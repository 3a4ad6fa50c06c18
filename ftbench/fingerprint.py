"""Hashes of what must not be in training data, so that it can be found without being shown.

Text is normalised (NFKC, lower case), cut into tokens (runs of letters and digits; every Chinese,
Japanese or Korean character for itself), and every thirteenth run of thirteen tokens is hashed. Who
hashes *every* run of thirteen in a training row finds any copy of 25 tokens or more. Shorter texts
are hashed whole. What many items share, such as an instruction, is no sign of a leak and left out.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ftbench.task import Item, Split
from shared.contracts.base import Versioned

NGRAM = 13
"""Tokens in a run (Brown et al., "Language Models are Few-Shot Learners", 2020, appendix C)."""

FEWEST = 5
"""Texts of fewer tokens are not hashed: labels and single words are everywhere."""

MAX_GROUPS = 5
"""A hash found in more groups of items than this is taken for a phrase of the task itself."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


class Fingerprint(Versioned):
    """Hashes of every sealed item of a task. Nothing of the items can be read from it."""

    task: str
    ngram: int = NGRAM
    splits: tuple[Split, ...]
    items: int
    """Sealed items behind the hashes."""

    ngrams: tuple[str, ...]
    """BLAKE2b-64 of runs of ``ngram`` tokens joined by single spaces, 16 hexadecimal digits."""

    texts: tuple[str, ...]
    """The same of whole texts of `FEWEST` to ``ngram`` - 1 tokens."""


def fingerprint(task: str, items: Sequence[Item]) -> Fingerprint:
    """Return the hashes of all items but those of train."""
    sealed = [item for item in items if item.split is not Split.TRAIN]
    ngrams, texts = Counter[str](), Counter[str]()
    by_group: dict[str, tuple[set[str], set[str]]] = {}
    for item in sealed:
        runs, wholes = by_group.setdefault(item.group, (set(), set()))
        for text in _texts(item.record):
            words = tokens(text)
            if len(words) >= NGRAM:
                runs.update(hashed(words[i : i + NGRAM]) for i in _starts(len(words)))
            elif len(words) >= FEWEST:
                wholes.add(hashed(words))
    for runs, wholes in by_group.values():
        ngrams.update(runs)
        texts.update(wholes)
    return Fingerprint(
        task=task,
        splits=(Split.DEV, Split.CONFIRM, Split.TEST),
        items=len(sealed),
        ngrams=_rare(ngrams),
        texts=_rare(texts),
    )


def tokens(text: str) -> list[str]:
    """Return the normalised tokens of a text."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def hashed(words: Iterable[str]) -> str:
    """Return the BLAKE2b-64 of tokens joined by single spaces, as 16 hexadecimal digits."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=8).hexdigest()


def _starts(length: int) -> Iterator[int]:
    yield from range(0, length - NGRAM + 1, NGRAM)


def _rare(found: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(one for one, groups in found.items() if groups <= MAX_GROUPS))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
