"""Errors as RFC 9457 problem documents: one sentence in ``detail``, and nothing of the request."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.contracts.base import sentences
from shared.errors import Rejected, TrexError, Unavailable, Unknown

MEDIA_TYPE = "application/problem+json"


def answer_with_problems(app: FastAPI) -> None:
    """Make an app answer every error with a problem document."""

    def on_trex_error(_: Request, error: Exception) -> Response:
        return _problem(_status(error), str(error))

    def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # The first part of a location says "body" or "query", which the sender knows.
        problems = [{**p, "loc": p["loc"][1:] or p["loc"]} for p in error.errors()]
        return _problem(422, "; ".join(sentences(problems)))

    def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _problem(error.status_code, str(error.detail), dict(error.headers or {}))

    app.add_exception_handler(TrexError, on_trex_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _status(error: Exception) -> int:
    match error:
        case Unknown():
            return 404
        case Rejected():
            return 400
        case Unavailable():
            return 503
        case _:
            return 500


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    titles = {400: "Rejected", 401: "Not allowed", 404: "Not found", 422: "Invalid", 503: "Away"}
    body = {
        "type": "about:blank",
        "title": titles.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)
