"""Reads the Hallmarks of Cancer corpus as published: a text and a label file an abstract."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DataFailed

HALLMARKS = (
    "activating invasion and metastasis",
    "avoiding immune destruction",
    "cellular energetics",
    "enabling replicative immortality",
    "evading growth suppressors",
    "genomic instability and mutation",
    "inducing angiogenesis",
    "resisting cell death",
    "sustaining proliferative signaling",
    "tumor promoting inflammation",
)

_NO_HALLMARK = "null"


@dataclass(frozen=True, slots=True)
class Abstract:
    """One abstract, by sentence."""

    pmid: str
    sentences: tuple[str, ...]
    labels: tuple[frozenset[str], ...]
    """The hallmarks of each sentence."""

    @property
    def hallmarks(self) -> list[str]:
        """The hallmarks that any sentence has, in the order of `HALLMARKS`."""
        found = frozenset[str]().union(*self.labels)
        return [hallmark for hallmark in HALLMARKS if hallmark in found]


def read_abstracts(texts: Path, labels: Path) -> list[Abstract]:
    """Return the abstracts of a folder of texts and a folder of labels, by PMID.

    Raises:
        DataFailed: no texts, a text without labels, not one label a sentence, a label that is no
            hallmark, or bytes that are not UTF-8.
    """
    paths = sorted(texts.glob("*.txt"))
    if not paths:
        raise DataFailed(f"{texts}: wanted abstracts named PMID.txt, found none; fetch them again")
    return [_read_abstract(path, labels / path.name) for path in paths]


def read_index(paths: Mapping[str, Path]) -> dict[str, str]:
    """Return the part that each PMID is in, from a file of comma-separated ``PMID.txt`` a part.

    Raises:
        DataFailed: a PMID is in two parts, or bytes that are not UTF-8.
    """
    parts: dict[str, str] = {}
    for part, path in paths.items():
        for pmid in re.findall(r"\d+", _read(path)):
            if parts.setdefault(pmid, part) != part:
                raise DataFailed(
                    f"{path}: wanted each abstract in one part, found {pmid} in {parts[pmid]} and "
                    f"{part}; fetch the index again"
                )
    return parts


def parse_labels(line: str, where: str) -> tuple[frozenset[str], ...]:
    """Return the hallmarks of each sentence from the line of a label file.

    Every sentence begins with ``<``, and has any number of labels, put together by `` AND``. Of a
    label such as ``Resisting cell death--Apoptosis`` the first level is the hallmark.

    Raises:
        DataFailed: a label that is no hallmark; the message begins with ``where``.
    """
    return tuple(_parse_sentence(sentence, where) for sentence in line.split("<")[1:])


def _parse_sentence(labels: str, where: str) -> frozenset[str]:
    levels = [label.partition("--")[0].strip().lower() for label in labels.split(" AND")]
    found = frozenset(level for level in levels if level not in ("", _NO_HALLMARK))
    for label in found.difference(HALLMARKS):
        raise DataFailed(f"{where}: wanted a hallmark, found {label!r:.60}; fetch the file again")
    return found


def _read_abstract(text: Path, labels: Path) -> Abstract:
    sentences = tuple(_read(text).splitlines())
    by_sentence = parse_labels(_read(labels), str(labels))
    if len(by_sentence) != len(sentences):
        raise DataFailed(
            f"{labels}: wanted labels for the {len(sentences)} sentences of {text.name}, found "
            f"them for {len(by_sentence)}; fetch both files again"
        )
    return Abstract(text.stem, sentences, by_sentence)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataFailed(f"{path}: wanted a file, found none; fetch the corpus again") from None
    except UnicodeDecodeError:
        raise DataFailed(f"{path}: wanted UTF-8, found other bytes; fetch it again") from None
