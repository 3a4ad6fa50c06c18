"""Taking rows from whoever submits a job, to where every host reads them."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool

from shared.artifacts.rows import Shelf
from shared.contracts.job import StoredRows, stored_rows
from shared.contracts.system_views import FileView
from shared.errors import Rejected

Sha256 = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]

__all__ = ["Shelf", "files"]


def files(shelf: Shelf | None) -> APIRouter:
    """Return the routes; without a shelf they say that paths are meant."""
    router = APIRouter(prefix="/v1/files")

    @router.get("/{sha256}/{name}")
    def look(sha256: Sha256, name: str) -> FileView:
        """Whether every host can read a file, by the SHA-256 of its bytes."""
        if shelf is None:
            return FileView(name=None, there=False)
        rows = _named(sha256, name)
        return FileView(name=rows.name, there=shelf.has(rows))

    @router.put("/{sha256}/{name}", status_code=201)
    async def put(sha256: Sha256, name: str, request: Request) -> FileView:
        """Keep the body as a file for every host to read. Sending it again changes nothing."""
        if shelf is None:
            raise Rejected(
                "wanted a system whose hosts read files from a store, found one without "
                "TREX_ARTIFACTS_URL; name a path that its services see"
            )
        rows = _named(sha256, name)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "sent"
            with file.open("wb") as sent:
                async for chunk in request.stream():
                    await run_in_threadpool(sent.write, chunk)
            await run_in_threadpool(shelf.put, rows, file)
        return FileView(name=rows.name, there=True)

    return router


def _named(sha256: str, name: str) -> StoredRows:
    rows = stored_rows(StoredRows(sha256, name).name)
    if rows is None:
        raise Rejected(
            f"wanted a file's name of letters, digits and .+-_ or spaces, found {name!r}; rename it"
        )
    return rows
