"""Splits documents into passages that can be cited: a page of a PDF, a part under a heading."""

import re
from collections.abc import Iterator
from pathlib import Path

from services.researcher.tools.research import Passage

LONGEST = 1200
"""Characters of a passage."""

MOST_PAGES = 1000
"""Pages of a document that are read."""


class Unreadable(Exception):
    """A document cannot be read: why, in a few words."""


def passages_of(file: Path, name: str) -> Iterator[Passage]:
    """Yield the passages of a PDF, Markdown or text file, in their order.

    Raises:
        Unreadable: it is broken, encrypted, or no UTF-8.
    """
    parts = _pages(file) if file.suffix.lower() == ".pdf" else _headed(_text(file))
    for place, text in parts:
        for piece in _pieces(text):
            yield Passage(name, place, piece)


def clean(text: str) -> str:
    """Return text that can be written as UTF-8: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{type(error).__name__}") from None


def _pages(file: Path) -> Iterator[tuple[str, str]]:
    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    try:
        pages = pypdf.PdfReader(file).pages
        for number in range(min(len(pages), MOST_PAGES)):
            yield f"page {number + 1}", clean(pages[number].extract_text())
    except (
        PyPdfError,
        DependencyError,  # an encryption that no library at hand knows
        OSError,
        # What a broken file makes pypdf stumble over:
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise Unreadable(f"{type(error).__name__}") from None


def _headed(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a Markdown text with their headings; a fence may hold no heading."""
    heading, lines, fenced = "", list[str](), False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else re.match(r"#{1,6}\s+(.+?)\s*#*$", line)
        if found is None:
            lines.append(line)
            continue
        yield heading, "\n".join(lines)
        heading, lines = found[1], []
    yield heading, "\n".join(lines)


def _pieces(text: str) -> Iterator[str]:
    """Yield whole paragraphs as long as they fit together; longer ones are cut at white space."""
    piece = ""
    for paragraph in re.split(r"\n\s*\n", text):
        for part in _cut(" ".join(paragraph.split())):
            if piece and len(piece) + len(part) >= LONGEST:
                yield piece
                piece = ""
            piece = f"{piece}\n{part}" if piece else part
    if piece:
        yield piece


def _cut(paragraph: str) -> Iterator[str]:
    while len(paragraph) > LONGEST:
        end = paragraph.rfind(" ", 1, LONGEST)
        end = LONGEST if end == -1 else end
        yield paragraph[:end]
        paragraph = paragraph[end:].lstrip()
    if paragraph:
        yield paragraph
