"""A plain interpreter of a log of edits: what is believed, and who owns a place. It shares nothing with the product.

Each history is one small plot: an area, two zones, a component and three departments. Its log is a list of edits, each
with the number of the load that brought it. Times are whole hours; a row says what holds from its beginning until its
end, either may be missing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ALWAYS, FOREVER = -(10**9), 10**9
RADIUS = 20.0
Thing = tuple[str, int]
"""Layer and number within the plot."""
Timeline = list[tuple[int, int, Any]]
"""Versions that are believed, in order: from, until (excluded), values."""


class Row(NamedTuple):
    """What a line of a file says of a thing."""

    thing: Thing
    since: int | None
    until: int | None
    values: Any


def told(versions: Timeline, row: Row) -> tuple[Timeline, str]:
    """Return what is believed of a thing after a row, and what came of the row."""
    since, until, values = row.since, row.until, row.values
    if since is None:
        before = [v for v in versions if v[0] < (FOREVER if until is None else until)]
        spoken = before[-1] if before else None
    else:
        spoken = next((v for v in versions if v[0] <= since < v[1]), None)
    start = since if since is not None else spoken[0] if spoken else ALWAYS
    following = min((v[0] for v in versions if v[0] > start), default=FOREVER)
    if spoken is None:
        end = following if until is None else until
        if end <= start or end > following:
            return versions, "refused"
        return sorted([*versions, (start, end, values)], key=lambda v: v[0]), "new"
    others = [v for v in versions if v is not spoken]
    old_start, old_end, old = spoken
    end = old_end if until is None else until
    if old == values:
        if end == old_end:
            return versions, "repeated"
        if end <= old_start or end > following:
            return versions, "refused"
        return sorted([*others, (old_start, end, old)], key=lambda v: v[0]), "longer" if end > old_end else "shorter"
    if end <= start or end > following:
        return versions, "refused"
    pieces = [(start, end, values)]
    what = "corrected"
    if start > old_start:
        pieces.append((old_start, start, old))
        what = "followed"
        if until is not None and end < old_end:
            pieces.append((end, old_end, old))
            what = "for a time"
    return sorted([*others, *pieces], key=lambda v: v[0]), what


def believed(log: list[tuple[int, Row]], load: int) -> dict[Thing, Timeline]:
    """Return what is believed of each thing after the loads up to this one."""
    out: dict[Thing, Timeline] = {}
    for number, row in log:
        if number <= load:
            out[row.thing] = told(out.get(row.thing, []), row)[0]
    return out


def holds(versions: Timeline, at: float) -> Any:
    """Return the values that hold at an instant, None for none."""
    return next((values for since, until, values in versions if since <= at < until), None)


def standing(things: dict[Thing, Timeline], department: int, at: float) -> int:
    """Return who stands for a department: the nearest above that is there, -1 for nobody."""
    for _ in range(4):
        versions = things.get(("departments", department), [])
        if not versions:
            return -1
        if holds(versions, at) is not None:
            return department
        begun = [v for v in versions if v[0] <= at] or versions[:1]
        department = begun[-1][2][1]
        if department < 0:
            return -1
    return -1


def inside(shape: tuple[float, float, float, float], x: float, y: float) -> bool:
    """Return whether a rectangle (x, y, width, height) covers a place."""
    return shape[0] <= x <= shape[0] + shape[2] and shape[1] <= y <= shape[1] + shape[3]


def owner(things: dict[Thing, Timeline], at: float, x: float, y: float, *, component: bool) -> int:
    """Return who owns a place of the plot for a component class or an event, -1 for nobody."""
    if component:
        found = holds(things.get(("components", 0), []), at)
        if found is not None:
            whose, (cx, cy) = found
            if (x - cx) ** 2 + (y - cy) ** 2 <= RADIUS**2 and (who := standing(things, whose, at)) >= 0:
                return who
    for number, takes_components in ((0, False), (1, True)):
        found = holds(things.get(("zones", number), []), at)
        if found is None or (component and not takes_components):
            continue
        whose, shape = found
        if inside(shape, x, y) and (who := standing(things, whose, at)) >= 0:
            return who
    found = holds(things.get(("areas", 0), []), at)
    if found is not None:
        whose, shape = found
        if inside(shape, x, y):
            return standing(things, whose, at)
    return -1
