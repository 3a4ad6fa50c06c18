"""Puts text that others wrote before a language model, as data that it is not to obey."""

import hashlib

from pydantic import BeforeValidator

from shared.one_line import one_line

CUT = "…"


def quoted(text: str, what: str, *, most: int) -> str:
    """Return a text between two marks that no text can hold, cut to ``most`` characters.

    The mark is a hash of the text, so that whoever wrote the text could not close the quotation.
    Control characters but for line breaks and tabs are left out.

    Args:
        text: from a data set, a log, the web, or a model.
        what: what it is, for example ``row 3 of the training data``.
        most: characters kept.
    """
    clean = printable(text)
    kept = clean if len(clean) <= most else clean[: most - 1] + CUT
    mark = hashlib.sha256(f"{what}\n{kept}".encode()).hexdigest()[:12]
    return f"[untrusted {mark}: {what}]\n{kept}\n[end {mark}]"


def printable(text: str) -> str:
    """Return a text without control characters but for line breaks and tabs."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def in_one_line(most: int) -> BeforeValidator:
    """Return what puts a text on one line, cut to ``most`` characters, before it is checked."""
    return BeforeValidator(lambda said: one_line(said, most) if isinstance(said, str) else said)
