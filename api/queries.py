"""Query parameters that nobody knows, or that come twice, are refused: ignored in silence they would mislead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.asked import Faults, shown
from grids.errors import InputError
from grids.nearmiss import suggest

VERSION = "v"
"""Parameter of pictures that makes browsers ask anew; it means nothing to us."""


# routes have no hash; each is kept beside its names, so that its id is never another's
_found: dict[int, tuple[APIRoute, tuple[str, ...]]] = {}


def known_parameters(route: APIRoute) -> tuple[str, ...]:
    """Query parameters of a route and of what it depends on, as they are written in an address."""
    if id(route) not in _found:
        _found[id(route)] = (route, tuple(_names(route.dependant)))
    return _found[id(route)][1]


def _names(dependant: Dependant) -> list[str]:
    inner = [name for part in dependant.dependencies for name in _names(part)]
    return [*(field.alias for field in dependant.query_params), *inner]


def check_query(request: Request) -> None:
    """Refuse unknown and doubled parameters; a dependency of whole rooms of routes.

    Raises
    ------
    InputError
        Naming each such parameter, and the nearest known one.
    """
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    versioned = (VERSION,) if route.path.startswith("/tiles/") else ()
    _check(request.query_params.multi_items(), known_parameters(route), versioned)


def _check(given: Iterable[tuple[str, str]], known: Sequence[str], silent: Sequence[str] = ()) -> None:
    faults, seen = Faults(), set()
    for name, _ in given:
        if name not in known and name not in silent:
            near = suggest(name[:60], list(known), n=1)
            every = f"known: {', '.join(dict.fromkeys(known))}" if known else "none is taken"
            right = f"did you mean {near[0]}?" if near else every
            faults.add(shown(name), f"is an unknown parameter; {right}")
        elif name in seen:
            faults.add(name, "is given twice; send it once")
        seen.add(name)
    faults.stop()


# ---------------------------------------------------------------- without the framework

_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def read_query(query: bytes, known: Sequence[str]) -> dict[str, str]:
    """The parameters of a query; ``+`` is a blank, what follows ``%`` is UTF-8.

    Raises
    ------
    InputError
        A parameter that nobody knows or that comes twice, a ``%`` without two hexadecimal digits, or no UTF-8.

    Examples
    --------
    >>> read_query(b"lon=111.0&class=2026%3AC01001", ["lon", "class"])
    {'lon': '111.0', 'class': '2026:C01001'}
    """
    if b"%" in query or b"+" in query or not query.isascii():
        pairs = []
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            key = _decoded(name, "query")
            pairs.append((key, _decoded(value, key)))
    else:
        pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.decode().split("&"))]
    pairs = [pair for pair in pairs if pair != ("", "")]
    out = dict(pairs)
    if len(out) < len(pairs) or not all(map(known.__contains__, out)):
        _check(pairs, known)
    return out


def _decoded(raw: bytes, where: str) -> str:
    raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if wrong := _NO_ESCAPE.search(raw):
            told = raw[wrong.start() : wrong.start() + 3].decode("ascii", "replace")
            raise InputError(f"{told!r} is no percent-encoding", where=shown(where), right="write % itself as %25")
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InputError("it is no UTF-8", where=shown(where), right="percent-encode text as UTF-8") from None
