"""The frame that a page's address asks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from starlette.responses import HTMLResponse

from api.pages.fault import fault
from api.pages.frame import LANGUAGES, THEMES, Frame
from api.routes.wire import nonce_headers
from api.settings import Settings
from grids.errors import InputError


def frame_of(
    request: Request,
    lang: Annotated[str, Query(max_length=20, description="zh or en; by default the browser's")] = "",
    theme: Annotated[str, Query(max_length=20, description="auto, light or dark")] = "",
    base: Annotated[str, Query(max_length=20, description="outside: the base map that the settings name")] = "",
    view: Annotated[str, Query(max_length=80, description="what the map shows: zoom/latitude/longitude")] = "",
    layers: Annotated[str, Query(max_length=80, description="shown beside the page's own: components,zones")] = "",
) -> Frame:
    """Language, theme and view of a page; a dependency of the routes.

    Raises
    ------
    InputError
        No such language, theme or layer, or no view.
    """
    if base not in ("", "own", "outside"):
        raise InputError(f"{base!r} is no base map", where="base", right="own or outside")
    accepted = request.headers.get("accept-language", "")
    return Frame.read(request.url.path, lang=lang, theme=theme, view=view, layers=layers, accepted=accepted)


def fault_page(request: Request, status: int, detail: str) -> Response:
    """The page of a fault: in words what it is, what can be done, and the service's own line."""
    query = request.query_params
    accepted = request.headers.get("accept-language", "")
    lang, theme = query.get("lang", ""), query.get("theme", "")
    frame = Frame.read(
        request.url.path,
        lang=lang if lang in LANGUAGES else "",
        theme=theme if theme in THEMES else "",
        accepted=accepted,
    )
    headers, nonce = nonce_headers()
    return HTMLResponse(fault(status, detail, frame, nonce=nonce), status, headers=headers)


def page_headers(settings: Settings) -> tuple[dict[str, str], str]:
    """Headers of a page in the frame, and the nonce of its scripts; the outside base map's host may send pictures."""
    headers, nonce = nonce_headers(settings.outside_host)
    return headers | {"vary": "accept-language"}, nonce
