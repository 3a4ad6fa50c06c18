"""What others wrote, as a language model may see it: quoted, cut, without the folders of files."""

import json
import re
from collections.abc import Iterable

from services.researcher.llm.quoting import CUT, quoted
from shared.one_line import one_line

_FOLDERS = re.compile(
    r"""(?<![\w:/.])~?(?:/[^\s/'"`<>|:,;()\[\]]+)+/(?=[^\s/])  # /home/me/, but no address's path
    | \b[A-Za-z]:\\(?:[^\s\\]+\\)*                             # C:\users\me\
    """,
    re.VERBOSE,
)

_SENTENCE = re.compile(
    r"""(?:[A-Za-z][\w'-]*[.,;:!?]?\s+){3}[A-Za-z]  # four words
    | (?:[A-Za-z]{3,}\W+){3}[A-Za-z]{3}             # four words joined by something else
    """,
    re.VERBOSE,
)


def hearsay(texts: Iterable[str], what: str, *, most: int) -> str:
    """Return texts as one quotation, a line each; nothing where there is none.

    Args:
        texts: from a data set, a log, the web, or a model.
        what: what they are, for example ``why #3 was tried``.
        most: characters kept of each.
    """
    return in_marks((one_line(text, most) for text in texts), what)


def in_marks(lines: Iterable[str], what: str) -> str:
    """Return lines that are short enough as one quotation; nothing where there is none."""
    text = "\n".join(lines)
    return quoted(text, what, most=len(text)) if text else ""


def without_folders(text: str) -> str:
    """Return a text that names files by their names alone; addresses on the web stay."""
    return _FOLDERS.sub("", text)


def is_plain(text: str) -> bool:
    """Whether a text is too short and simple to be understood as a demand.

    It has at most 80 characters, ASCII but for arrows, and never four words in a row. A recipe
    says numbers and names, which are plain, and sometimes text, which others may have written.
    """
    return len(text) <= 80 and text.replace("→", "").isascii() and not _SENTENCE.search(text)


def as_written(text: str, most: int) -> str:
    r"""Return a text as a JSON string, so that line breaks show as ``\n``, cut to ``most``."""
    return json.dumps(text if len(text) <= most else text[: most - 1] + CUT, ensure_ascii=False)
