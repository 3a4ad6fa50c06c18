"""Takes keys and passwords out of texts that are kept or sent. Pure."""

import re

SHORTEST_KEY = 4
"""Characters; a shorter one would be found in every other word."""

_SECRETS = re.compile(
    r"""
    \b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}     # OpenAI and those who copy it
    | \bhf_[A-Za-z0-9]{16,}               # Hugging Face
    | \bgh[opsu]_[A-Za-z0-9]{20,}         # GitHub
    | \bAKIA[A-Z0-9]{16}\b                # AWS
    | (?<=\bBearer\ )[^\s"\\]{8,}         # headers; in JSON, not beyond the text they stand in
    | (?<=://)[^\s/@:"]*:[^\s/@"]+(?=@)   # passwords in urls; likewise
    """,
    re.VERBOSE,
)


def redacted(text: str, key: str | None = None) -> str:
    """Return a text without a key, and without what looks like one of somebody else."""
    if key is not None and len(key) >= SHORTEST_KEY:
        text = text.replace(key, "<key>")
    return _SECRETS.sub("<secret>", text)


def kept(text: str, key: str | None, *, most: int) -> str:
    """Return what is kept of a text: redacted, then cut to ``most`` characters."""
    clean = redacted(text, key)
    return clean if len(clean) <= most else clean[: most - 1] + "…"
