"""Scripts and styles of the pages, and the documentation page: served by us, nothing asked of anyone else."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from api.routes.wire import nonce_headers
from api.service import Service, service_of
from grids.errors import NotFound, Unavailable

router = APIRouter()
PAGES = Path(__file__).resolve().parent.parent / "pages"
FILES: dict[str, tuple[str, str]] = {
    "leaflet.js": ("node_modules/leaflet/dist/leaflet.js", "text/javascript"),
    "leaflet.css": ("node_modules/leaflet/dist/leaflet.css", "text/css"),
    "images/layers.png": ("node_modules/leaflet/dist/images/layers.png", "image/png"),
    "images/layers-2x.png": ("node_modules/leaflet/dist/images/layers-2x.png", "image/png"),
    "images/marker-icon.png": ("node_modules/leaflet/dist/images/marker-icon.png", "image/png"),
    "swagger-ui.js": ("node_modules/swagger-ui-dist/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("node_modules/swagger-ui-dist/swagger-ui.css", "text/css"),
    "wanmi.js": ("static/wanmi.js", "text/javascript"),
    "stage.js": ("static/stage.js", "text/javascript"),
    "names.js": ("static/names.js", "text/javascript"),
    "wanmi.css": ("static/wanmi.css", "text/css"),
    "vector.js": ("static/vector.js", "text/javascript"),
    "units_layers.js": ("static/units_layers.js", "text/javascript"),
    "units.js": ("static/units.js", "text/javascript"),
    "choose.js": ("static/choose.js", "text/javascript"),
    "answer.js": ("static/answer.js", "text/javascript"),
    "rosters.js": ("static/rosters.js", "text/javascript"),
    "around.js": ("static/around.js", "text/javascript"),
    "responsibility.js": ("static/responsibility.js", "text/javascript"),
    "responsibility.css": ("static/responsibility.css", "text/css"),
    "filed.js": ("static/filed.js", "text/javascript"),
    "report.css": ("static/report.css", "text/css"),
    "chart.js": ("static/chart.js", "text/javascript"),
    "hotspots_source.js": ("static/hotspots_source.js", "text/javascript"),
    "hotspots_filters.js": ("static/hotspots_filters.js", "text/javascript"),
    "hotspots_map.js": ("static/hotspots_map.js", "text/javascript"),
    "hotspots_time.js": ("static/hotspots_time.js", "text/javascript"),
    "hotspots_list.js": ("static/hotspots_list.js", "text/javascript"),
    "hotspots_panel.js": ("static/hotspots_panel.js", "text/javascript"),
    "hotspots_twin.js": ("static/hotspots_twin.js", "text/javascript"),
    "hotspots_picture.js": ("static/hotspots_picture.js", "text/javascript"),
    "hotspots.js": ("static/hotspots.js", "text/javascript"),
    "hotspots.css": ("static/hotspots.css", "text/css"),
    "icon.svg": ("static/icon.svg", "image/svg+xml"),
}
"""Everything that is served under ``/static``, by name: its file beside the pages and its type."""
YEAR_S = 31_536_000


@cache
def content(name: str) -> tuple[bytes, str]:
    """Bytes of a served file and its short digest.

    Raises
    ------
    NotFound
        It is not among `FILES`.
    Unavailable
        Its package is not installed.
    """
    if name not in FILES:
        raise NotFound(f"there is no file {name!r}", where=f"/static/{name}", right="known: " + ", ".join(FILES))
    path = PAGES / FILES[name][0]
    if not path.is_file():
        raise Unavailable(
            f"{FILES[name][0]} is not installed", where=f"/static/{name}", right="run 'npm ci --prefix api/pages'"
        )
    data = path.read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def url(name: str) -> str:
    """Address of a served file with its version, so that it may be kept for a year."""
    return f"/static/{name}?v={content(name)[1]}"


@router.get("/static/{name:path}", include_in_schema=False)
def static(name: str, v: Annotated[str, Query()] = "") -> Response:
    """A file of the list; kept for a year when asked for by its version."""
    data, version = content(name)
    kept = f"public, max-age={YEAR_S}, immutable" if v == version else "public, max-age=300"
    headers = {"cache-control": kept, "etag": f'"{version}"'}
    return Response(data, headers=headers, media_type=FILES[name][1])


@router.get("/favicon.ico", include_in_schema=False)
def favicon() -> Response:
    """The icon that browsers ask for unasked."""
    return static("icon.svg")


@router.get("/docs", include_in_schema=False)
def docs(request: Request, service: Annotated[Service, Depends(service_of)]) -> Response:
    """The service's documentation, from its own description."""
    headers, nonce = nonce_headers()
    return HTMLResponse(
        DOCS.format(
            title=request.app.title,
            css=url("swagger-ui.css"),
            js=url("swagger-ui.js"),
            icon=url("icon.svg"),
            openapi=request.app.openapi_url,
            nonce=nonce,
        ),
        headers=headers,
    )


DOCS = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{css}">
<link rel="icon" href="{icon}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{js}"></script>
<script nonce="{nonce}">
SwaggerUIBundle({{url: "{openapi}", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout"}});
</script>
</body>
</html>
"""
