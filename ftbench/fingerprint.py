"""Hashes of what must not be in training data, so that it can be found without being shown.

Text is cut into tokens as `shared.fingerprint` says, and every thirteenth run of thirteen tokens is
hashed. Who hashes *every* run of thirteen in a training row finds any copy of 25 tokens or more.
Shorter texts are hashed whole. What many items share, such as an instruction, is no sign of a leak
and left out.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftbench.task import Item, Split
from shared.fingerprint import FEWEST, NGRAM, Fingerprint, hashed, tokens

MAX_GROUPS = 5
"""A hash found in more groups of items than this is taken for a phrase of the task itself."""


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
