"""The filters of a question in the record's own words; what names nothing is refused, with the nearest there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from gis import counts
from gis.wanted import Texts, Wanted
from grids.catalog import Catalog, filter_items, filter_text
from grids.errors import InputError
from grids.nearmiss import suggest

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Engine

    from api.statistics.selection import Selection

KINDS = {"C": "部件", "E": "事件"}


def class_texts(book: Catalog, selection: str, edition: str) -> list[str] | None:
    """Class texts that a filter takes, with those that became them in the edition 2026; None for all.

    Raises
    ------
    InputError
        The filter names what is no class; the nearest are told.
    """
    if selection in ("", "*"):
        return None
    items = [i if ":" in i or i in ("*", *KINDS) else f"{edition}:{i}" for i in filter_items(selection)]
    try:
        taken = book.matches(filter_text(items))
    except InputError as error:
        raise InputError(error.what, where="class", right=error.right) from None
    taken |= (book.to_2026 >= 0) & taken[book.to_2026]
    return sorted(book.texts[taken])


def items_of(text: str) -> list[str]:
    """Items joined by blanks or commas, each once, in order.

    Examples
    --------
    >>> items_of("D2, D1 D2")
    ['D1', 'D2']
    """
    return sorted(set(text.replace(",", " ").replace("，", " ").split()))


def area_items(text: str) -> tuple[list[str], list[str]]:
    """Areas taken and left out, of ``SET:CODE`` or ``SET`` joined by commas, ``-`` before those left out.

    Examples
    --------
    >>> area_items("street:140802001, old_estate, -railway_side:R1")
    (['old_estate', 'street:140802001'], ['railway_side:R1'])
    """
    items = {part.strip() for part in text.replace("，", ",").split(",")} - {""}
    out = {item[1:].strip() for item in items if item.startswith("-")}
    return sorted(i for i in items if not i.startswith("-")), sorted(out)


def wanted(
    engine: Engine,
    book: Catalog,
    selection: Selection,
    edition: str,
    *,
    at: pd.Timestamp = pd.NaT,
    known: Iterable[str] | None = None,
) -> Wanted:
    """What a selection takes.

    Parameters
    ----------
    engine, book
        The record, and its class catalogue.
    selection
        What was asked.
    edition
        Of class codes that name none.
    at
        Instant of the areas, UTC; NaT for now.
    known
        Channels that there are; None to ask the record.

    Raises
    ------
    InputError
        A filter that names no class, department, channel or area of the record.
    """
    classes = class_texts(book, selection.classes, edition)
    departments, channels = items_of(selection.departments), items_of(selection.channels)
    if departments:
        codes = [row["code"] for row in counts.read_rows(engine, "known_departments")]
        _check(departments, codes, "department", "a department")
    if channels:
        _check(channels, counts.channels(engine) if known is None else sorted(known), "channel", "a channel")
    within, without = area_items(selection.area)
    if within or without:
        _check_areas([*within, *without], counts.area_codes(engine))
    return Wanted(
        classes=None if classes is None else tuple(classes),
        departments=_or_all(departments),
        channels=_or_all(channels),
        begin=selection.begin,
        end=selection.end,
        within=_or_all(within),
        without=_or_all(without),
        at=at,
        known_at=selection.known_at,
    )


def area_of(areas: gpd.GeoDataFrame, items: Texts | None) -> NDArray[np.object_] | None:
    """Polygons of areas ``SET:CODE``, or of all of a ``SET``; None for no such filter."""
    if items is None:
        return None
    mine = areas["set"].isin(items) | (areas["set"] + ":" + areas["code"]).isin(items)
    return areas.geometry.to_numpy()[mine.to_numpy()]


def check_sets(engine: Engine, names: list[str], layer: str) -> None:
    """Refuse sets of areas that there are not, or for another layer.

    Raises
    ------
    InputError
        Naming the first.
    """
    if layer != "areas":
        raise InputError(f"{layer} come in no sets", where="set", right="leave it out, or ask for areas")
    known = sorted(counts.area_codes(engine))
    for name in names:
        if name not in known:
            near = suggest(name[:60], known)
            right = f"did you mean {', '.join(near)}?" if near else f"one of {', '.join(known) or 'none'}"
            raise InputError(f"no set of areas {name[:60]!r}", where="set", right=right)


def _or_all(items: list[str]) -> Texts | None:
    return tuple(items) or None


def _check(items: Iterable[str], known: list[str], where: str, noun: str) -> None:
    for item in items:
        if item not in known:
            near = suggest(item[:60], known)
            right = (
                f"did you mean {', '.join(near)}?"
                if near
                else f"one of {', '.join(known[:8]) or 'none: there is none'}"
            )
            raise InputError(f"{item[:60]!r} is not {noun} of the record", where=where, right=right)


def _check_areas(items: Iterable[str], known: dict[str, list[str]]) -> None:
    for item in items:
        name, colon, code = item.partition(":")
        if name not in known:
            near = suggest(name[:60], list(known))
            there = ", ".join(sorted(known)) or "none"
            right = f"did you mean {', '.join(near)}?" if near else f"SET:CODE or SET, of the sets {there}"
            raise InputError(f"no set of areas {name[:60]!r}", where="area", right=right)
        if colon and code not in known[name]:
            near = [f"{name}:{one}" for one in suggest(code[:60], known[name])]
            right = f"did you mean {', '.join(near)}?" if near else f"a code of the set {name}"
            raise InputError(f"no area {code[:60]!r} in the set {name}", where="area", right=right)
