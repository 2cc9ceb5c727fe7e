"""What the routes share of the wire: bodies in, JSON out."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import orjson
from fastapi import Query, Request
from starlette.responses import JSONResponse

from api.middleware import content_policy

Crs = Annotated[str | None, Query(description="EPSG:n, gcj02 or bd09; by default WGS 84 degrees")]


class Json(JSONResponse):
    """JSON by orjson: NaN becomes null, numpy arrays are taken as they are."""

    def render(self, content: Any) -> bytes:
        """The content as bytes."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


async def body_of(request: Request) -> bytes:
    """The whole body; `api.middleware.BodyLimit` stops it where it grows too large."""
    return await request.body()


def nonce_headers(pictures: str = "") -> tuple[dict[str, str], str]:
    """Headers for a page with scripts of its own, and the nonce that these scripts carry.

    `pictures` is a host that pictures may also come from.
    """
    nonce = secrets.token_urlsafe(16)
    return {"content-security-policy": content_policy(nonce, pictures)}, nonce
