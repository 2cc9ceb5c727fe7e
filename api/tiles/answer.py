"""Tiles over HTTP: browsers ask again by their mark."""

from __future__ import annotations

from fastapi import Request, Response

HOUR_S = 3600


def answer_tile(
    request: Request,
    mark: str,
    data: bytes,
    media: str,
    *,
    packed: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Response:
    """A tile, or that the browser's is still right.

    Parameters
    ----------
    mark
        Changes exactly when the tile does.
    packed
        The same data as gzip, for who takes that; empty for none.

    Notes
    -----
    A tile that is asked for by a version (``v=``) is kept for an hour unasked, any other is asked for each time.
    """
    quoted = f'"{mark}"'
    fresh = f"max-age={HOUR_S}" if "v" in request.query_params else "max-age=0, must-revalidate"
    told = {"etag": quoted, "cache-control": f"public, {fresh}", **({"vary": "accept-encoding"} if packed else {})}
    if request.headers.get("if-none-match", "").removeprefix("W/") == quoted:
        return Response(status_code=304, headers=told)
    told |= headers or {}
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers=told | {"content-encoding": "gzip"}, media_type=media)
    return Response(data, headers=told, media_type=media)
