"""Tiles over HTTP: browsers ask again by their mark."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request, Response

from api.middleware import SAFE
from api.tiles.told import Told

HOUR_S = 3600


def answer_tile(
    request: Request,
    mark: str,
    data: bytes,
    media: str,
    *,
    packed: bytes = b"",
    headers: dict[str, str] | None = None,
    told: Told | None = None,
    holds: Callable[[], bool] | None = None,
) -> Response:
    """A tile, or that the browser's is still right.

    Parameters
    ----------
    mark
        Changes exactly when the tile does.
    packed
        The same data as gzip, for who takes that; empty for none.
    told, holds
        Where the mark is remembered, and whether it is right still; None for no remembering.

    Notes
    -----
    A tile that is asked for by a version (``v=``) is kept for an hour unasked, any other is asked for each time.
    """
    quoted = f'"{mark}"'
    fresh = f"max-age={HOUR_S}" if "v" in request.query_params else "max-age=0, must-revalidate"
    mine = {"etag": quoted, "cache-control": f"public, {fresh}", **({"vary": "accept-encoding"} if packed else {})}
    if told is not None and holds is not None:
        address = request.scope["raw_path"] + (b"?" + query if (query := request.scope["query_string"]) else b"")
        told.put(address, quoted, "".join(f"{n}: {v}\r\n" for n, v in {**SAFE, **mine}.items()).encode(), holds)
    if request.headers.get("if-none-match", "").removeprefix("W/") == quoted:
        return Response(status_code=304, headers=mine)
    mine |= headers or {}
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers=mine | {"content-encoding": "gzip"}, media_type=media)
    return Response(data, headers=mine, media_type=media)
