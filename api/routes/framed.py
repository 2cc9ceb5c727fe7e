"""The frame that a page's address asks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from api.pages.frame import Frame


def frame_of(
    request: Request,
    lang: Annotated[str, Query(max_length=20, description="zh or en; by default the browser's")] = "",
    theme: Annotated[str, Query(max_length=20, description="auto, light or dark")] = "",
    view: Annotated[str, Query(max_length=80, description="what the map shows: zoom/latitude/longitude")] = "",
) -> Frame:
    """Language, theme and view of a page; a dependency of the routes.

    Raises
    ------
    InputError
        No such language or theme, or no view.
    """
    accepted = request.headers.get("accept-language", "")
    return Frame.read(request.url.path, lang=lang, theme=theme, view=view, accepted=accepted)
