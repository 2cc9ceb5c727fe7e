"""Errors over HTTP: one shape, and the one table that gives an error class its status."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import orjson
import psycopg2
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc as sql
from starlette.exceptions import HTTPException

from grids.errors import Conflict, InputError, NotFound, TooLarge, Unavailable, WanmiError

log = logging.getLogger("wanmi")


class Unreadable(InputError):
    """A body that cannot be parsed at all."""


class TooSlow(WanmiError):
    """A body that does not come."""


STATUS: dict[type[Exception], int] = {
    Unreadable: 400,
    TooSlow: 408,
    TooLarge: 413,
    InputError: 422,
    NotFound: 404,
    Conflict: 409,
    Unavailable: 503,
    psycopg2.OperationalError: 503,
    psycopg2.InterfaceError: 503,
    sql.OperationalError: 503,
    sql.InterfaceError: 503,
    sql.TimeoutError: 503,
    WanmiError: 500,
}
"""Status of an error class; a class that is not listed takes that of its nearest listed ancestor."""

RETRY_AFTER_S = 5
NAMES = {400: "Unreadable", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed"}


def status_of(error: Exception) -> int:
    """HTTP status of an error.

    Examples
    --------
    >>> status_of(InputError("x")), status_of(TooLarge("x")), status_of(KeyError("x"))
    (422, 413, 500)
    """
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def answer(status: int, error: str, detail: str, *, at: str = "", headers: dict | None = None) -> Response:
    """The one shape of errors: ``{"error", "detail", "at"}``."""
    headers = dict(headers or {})
    if status == 503:
        headers.setdefault("retry-after", str(RETRY_AFTER_S))
    body = orjson.dumps({"error": error, "detail": detail, "at": at})
    return Response(body, status, headers, media_type="application/json")


def from_error(error: Exception) -> Response:
    """The response for any error that `STATUS` knows."""
    status = status_of(error)
    if isinstance(error, WanmiError):
        headers = {"connection": "close"} if status in (408, 413) else None
        return answer(status, type(error).__name__, str(error), at=error.where, headers=headers)
    if status == 503:
        log.warning("database: %s", str(error).splitlines()[0])
        return answer(503, "Unavailable", "the database does not answer; try again in a moment", at="database")
    log.error("internal fault", exc_info=error)
    return answer(500, "InternalFault", f"internal fault, {type(error).__name__}; the log says more")


Page = Callable[[Request, int, str], Response]
"""Makes a page for people of a request, a status and what is wrong in a line."""


def install(app: FastAPI, *, page: Page | None = None) -> None:
    """Let `app` answer every error in the one shape, its framework's own included; who asks for a page gets one."""

    def for_reader(request: Request, response: Response) -> Response:
        wanted = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if page is None or not wanted or not request.url.path.startswith("/maps/"):
            return response
        made = page(request, response.status_code, orjson.loads(response.body)["detail"])
        if "retry-after" in response.headers:
            made.headers["retry-after"] = response.headers["retry-after"]
        return made

    def ours(request: Request, error: Exception) -> Response:
        return for_reader(request, from_error(error))

    def frameworks(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        name, detail = NAMES.get(error.status_code, "HTTPError"), str(error.detail)
        path = request.url.path
        if error.status_code == 404:
            detail = f"there is nothing at {path}; /docs lists what there is"
        elif error.status_code == 405:
            methods = ", ".join(_methods(app, path)) or (error.headers or {}).get("Allow", "")
            detail = f"{path} takes {methods}, not {request.method}"
            error.headers = {**(error.headers or {}), "Allow": methods}
        return for_reader(request, answer(error.status_code, name, detail, at=path, headers=dict(error.headers or {})))

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [(".".join(map(str, fault["loc"][1:])), fault) for fault in error.errors()]
        lines = dict.fromkeys(f"{at}: {_say(fault)}" for at, fault in faults)  # two readers may ask for one value
        return for_reader(request, answer(422, "InputError", ", ".join(lines), at=faults[0][0]))

    for kind in STATUS:
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(Exception, ours)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(RequestValidationError, invalid)


def _methods(app: FastAPI, path: str) -> list[str]:
    """Methods that a path takes; several routes may share it."""
    found: set[str] = set()
    for template, methods in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)), path):
            found |= {method.upper() for method in methods}
    return sorted(found)


def _say(fault: dict) -> str:
    """A fault of a query or path parameter in words, with the value that was given."""
    if fault["type"] == "missing":
        return "is missing"
    given = fault.get("input")
    text = fault["msg"][0].lower() + fault["msg"][1:]
    told = repr(given)
    told = told if len(told) <= 60 else told[:60] + "…"
    return f"{told} is wrong, {text}" if given is not None else text
