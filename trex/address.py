"""Where a system's REST API is, and how a command finds the one that is meant."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Rejected, Unavailable
from shared.settings import ClientSettings

CONNECTION = "connection.json"
START = "start it with `trex up` or set TREX_URL"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send requests, and what proves that they may be answered."""

    url: str
    """Without a slash at its end, for example ``http://127.0.0.1:8686``."""

    token: str
    """The bearer token; empty for a system that wants none."""

    origin: str = "the system started here"
    """Where the token came from, for the message when it is refused."""


def find_address(settings: ClientSettings) -> Address:
    """Return the address in ``TREX_URL``, or of the system that runs in the home.

    Raises:
        Rejected: ``TREX_URL`` is no http address.
        Unavailable: no system runs in the home, or what it left there cannot be read.
    """
    if settings.url is None:
        return read_connection(settings.home)
    if not settings.url.startswith(("http://", "https://")):
        raise Rejected(
            f"TREX_URL: wanted an address such as http://127.0.0.1:8686, found {settings.url!r}; "
            "correct it or unset it"
        )
    token = settings.token.get_secret_value() if settings.token else ""
    return Address(settings.url.rstrip("/"), token, origin="TREX_TOKEN")


def read_connection(home: Path) -> Address:
    """Return the address that a running system keeps in its home.

    Raises:
        Unavailable: there is none, or it cannot be read.
    """
    path = home / CONNECTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Address(str(found["url"]).rstrip("/"), str(found["token"]), origin=str(path))
    except FileNotFoundError:
        raise Unavailable(f"no system runs in {home}; {START}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"{path}: wanted a JSON object with url and token, found none "
            f"({type(error).__name__}: {error}); remove the file and run `trex up`"
        ) from None
