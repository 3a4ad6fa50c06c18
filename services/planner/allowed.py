"""Who may use a route: whoever sends its token."""

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer


def allowed(token: str | None, whose: str = "the planner's bearer token") -> Callable[..., None]:
    """Return a dependency that lets through what shows a bearer token; all if there is none."""
    bearer = HTTPBearer(auto_error=False)

    def check(
        shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> None:
        if token is None:
            return
        given = shown.credentials if shown else ""
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise HTTPException(
                401,
                f"wanted {whose}, found "
                f"{'another one' if given else 'none'}; send it as Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )

    return check
