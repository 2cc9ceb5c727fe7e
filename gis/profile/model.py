"""What a profile says: the city, and how each layer of its files is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from gis.layers import LAYERS, Layer
from gis.model import City
from grids.errors import InputError

PLACES = ("lon", "lat", "x", "y", "wkt")
"""Fields that say where, beside the columns of a layer: a pair of degrees, a pair of metres or feet, or a WKT text."""


EMPTY: Mapping[str, Any] = MappingProxyType({})


def hint(text: str, known: Iterable[str]) -> str:
    """What would be right instead of ``text``: the nearest of the known words, else all of them."""
    known = [" ".join(word.split())[:60] for word in known]
    folded = {word.casefold(): word for word in reversed(known)}
    near = [folded[word] for word in get_close_matches(text.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return "did you mean " + " or ".join(near) + "?"
    more = f" and {len(known) - 30} more" if len(known) > 30 else ""
    return "known are " + ", ".join(known[:30]) + more if known else ""


@dataclass(frozen=True)
class Parts:
    """A composite code: the column ``code`` must equal the columns ``of``, joined by ``by``.

    ``mismatch`` says what becomes of a row where it does not: "reject" or "flag" (kept, listed in the notes).
    """

    code: str
    of: tuple[str, ...]
    by: str = ""
    mismatch: str = "reject"


@dataclass(frozen=True)
class Source:
    """How one layer (or one set of it) is found in the city's own file. Every part may be empty.

    Parameters
    ----------
    layer, set
        Layer of `gis.layers`, and the set or variant ("" for none).
    columns
        Our field -> their column.
    constants
        Our field -> value for every row.
    values
        Our field -> {their value: our value}; other values stay as they are.
    replace
        Our field -> ((regular expression, replacement), ...), applied in order after ``values``.
    dates
        Our field -> strptime formats tried in order; "*" for every date field.
    place
        Where: ``{lon, lat}``, ``{x, y}`` or ``{wkt}`` -> their column.
    take, leave
        Their column -> values: rows to take (all others are left out), rows to leave out. Not faults.
    parts
        Composite codes to check, in their column names.
    distinct
        True: rows with the same key are one thing, told many times (departments from a list of cases).
    majority
        With ``distinct``: our fields whose most frequent value of the key counts (ties: the lower text).
    crs, encoding, delimiter, time_zone, table
        Declared by the city where the file does not say; ``table`` is the layer's name inside a GeoPackage.
    edition, kind
        Edition and kind ("C" or "E") of class codes that are written bare.
    grids
        Name -> PROJJSON of the city's own grids, which ``crs`` and ``--crs`` may name.
    """

    layer: str
    set: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    replace: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    take: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leave: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[Parts, ...] = ()
    distinct: bool = False
    majority: tuple[str, ...] = ()
    crs: str = ""
    encoding: str = ""
    delimiter: str = ""
    time_zone: str = ""
    table: str = ""
    edition: str = ""
    kind: str = ""
    grids: Mapping[str, str] = field(default_factory=dict)

    def crs_text(self, declared: str | None) -> str:
        """The coordinate system that counts: what a user declares before the profile's, a grid's name as its text."""
        named = declared or self.crs
        return self.grids.get(named, named)

    def with_map(self, mapping: Mapping[str, str]) -> Source:
        """The same with ``mapping`` (field or place -> column) on top; unknown fields are an `InputError`."""
        known = [*field_names(LAYERS[self.layer]), *PLACES]
        for name in mapping:
            if name not in known:
                raise InputError(f"{self.layer} has no field {name!r}", where="--map", right=hint(name, known))
        columns = {k: v for k, v in mapping.items() if k not in PLACES}
        place = {k: v for k, v in mapping.items() if k in PLACES}
        constants = {k: v for k, v in self.constants.items() if k not in columns}
        return dataclasses.replace(
            self, columns={**self.columns, **columns}, constants=constants, place=place or self.place
        )

    def date_formats(self, name: str) -> tuple[str, ...]:
        """Formats for a date field; empty for ISO 8601."""
        return self.dates.get(name, self.dates.get("*", ()))


OPTIONS = tuple(f.name for f in dataclasses.fields(Source) if f.name not in ("layer", "set", "grids"))


@dataclass(frozen=True)
class Profile:
    """A city and how its files are read.

    Parameters
    ----------
    city
        The city of ``[city]``.
    sources
        (layer, set) -> `Source`; the set is "" where a layer has none.
    path
        File it was read from, for messages.
    grids
        Name -> PROJJSON of the city's own grids.
    """

    city: City
    sources: Mapping[tuple[str, str], Source] = field(default_factory=dict)
    path: str = ""
    grids: Mapping[str, str] = field(default_factory=dict)

    def layer(self, name: str, set_: str | None = None) -> Source:
        """How layer ``name`` (and its set) is read; an empty `Source` where the profile says nothing.

        Raises
        ------
        InputError
            The layer has sets and ``set_`` names none, or one that is not there.
        """
        sets = [s for layer, s in self.sources if layer == name and s]
        if set_ and sets and set_ not in sets:
            raise InputError(f"no set {set_!r} of {name}", where=self.path, right=hint(set_, sets))
        if not set_ and len(sets) > 1 and (name, "") not in self.sources:
            right = "--set says which: " + ", ".join(sets)
            raise InputError(f"{name} has {len(sets)} sets", where=self.path, right=right)
        if not set_ and len(sets) == 1 and (name, "") not in self.sources:
            set_ = sets[0]
        found = self.sources.get((name, set_ or "")) or Source(name, set_ or "")
        return dataclasses.replace(found, grids=self.grids) if self.grids else found


def field_names(layer: Layer) -> list[str]:
    """Names of the columns of a layer."""
    return [column.name for column in layer.columns]


def unknown(table: Mapping[str, Any], known: Iterable[str], where: str, faults: list[str]) -> None:
    """Note the keys of a table that nobody knows."""
    known = tuple(known)
    prefix = f"{where}." if where else ""
    faults.extend(f"unknown key {prefix}{key}, {hint(key, known)}" for key in table if key not in known)


def is_zone(name: str) -> bool:
    """Whether it is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
