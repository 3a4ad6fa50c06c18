"""What a server means by refusing a request. Pure."""

import re
from typing import Literal

Meaning = Literal["away", "too long", "no schemas", "refused"]

_TOO_LONG = re.compile(
    r"context.?length|maximum context|max_model_len|too (?:long|large|many tokens)", re.IGNORECASE
)


def meaning(status: int, said: str, *, with_schema: bool) -> Meaning:
    """Return what a status other than 200 is about.

    Servers word it as they like. So a request that is refused for anything but its length is put
    again without the schema that a server may not know.

    Args:
        status: of the response.
        said: with it.
        with_schema: whether the request asked for a JSON schema.
    """
    if status not in (400, 413, 422):
        return "away"
    if status == 413 or _TOO_LONG.search(said):
        return "too long"
    return "no schemas" if with_schema else "refused"
