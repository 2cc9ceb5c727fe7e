"""Query parameters that nobody knows, or that come twice, are refused: ignored in silence they would mislead."""

from __future__ import annotations

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.forms import Faults, shown
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
    given = request.query_params.multi_items()
    if not given:
        return
    route = request.scope["route"]
    known = known_parameters(route)
    faults, seen = Faults(), set()
    for name, _ in given:
        if name not in known and not (name == VERSION and route.path.startswith("/tiles/")):
            near = suggest(name[:60], list(known), n=1)
            right = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}" if known else "none is taken"
            faults.add(shown(name), f"is an unknown parameter; {right}")
        elif name in seen:
            faults.add(name, "is given twice; send it once")
        seen.add(name)
    faults.stop()
