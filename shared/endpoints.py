"""Where a server that speaks OpenAI's API is, and the key that opens it. Pure."""

import re
from urllib.parse import urlsplit, urlunsplit

from shared.errors import Rejected


def address_of(url: str) -> str:
    """Return the root of an API: with a version, without the path of a function.

    Raises:
        Rejected: not a url of a server, or one with a password, which would be written down.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
        usable = usable and parts.port != 0  # looking at the port checks it
    except ValueError:
        usable = None
    if not usable:
        raise Rejected(
            f"wanted a server such as http://localhost:8000/v1, found {url.rpartition('@')[2]!r}; "
            "correct the url, and give a key apart from it"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if not re.search(r"/v\d", path):
        path += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def refuse_odd_key(key: str | None) -> None:
    """Return if a key can be sent as it is.

    Raises:
        Rejected: it holds white space or other characters that no header may have.
    """
    if key is not None and not re.fullmatch(r"[!-~]+", key):
        raise Rejected(
            "wanted a key of printable characters, found others in it; look for a space or a line "
            "break at its end"
        )
