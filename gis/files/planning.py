"""How a file becomes a layer, planned from its head: its columns, its place, its CRS."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gis.crs import fit
from gis.files.delimited import open_csv
from gis.files.instants import instant
from gis.files.opening import Limits, Opened, opened
from gis.files.parquet import open_parquet
from gis.files.place import Where, crs_of, where_of
from gis.files.table import Table
from gis.files.vectors import open_vector
from gis.layers import LAYERS, Layer
from gis.model import City
from gis.profile import Profile, Source, hint
from grids.errors import InputError, NotFound


@dataclass(frozen=True)
class Plan:
    """How a file becomes a layer, known from its head: which columns, where it says where, in which CRS.

    Parameters
    ----------
    found
        Our field -> their column.
    crs
        As `gis.crs.parse_crs` gives it; None for a layer without geometry.
    start, end
        Instants from and until which rows without a beginning or an end of their own hold; None for always.
    name
        The file's, for messages.
    wanted
        Columns to read.
    """

    layer: Layer
    source: Source
    city: City
    found: Mapping[str, str]
    where: Where
    crs: Any
    start: pd.Timestamp | None
    name: str
    notes: tuple[str, ...]
    wanted: tuple[str, ...]
    end: pd.Timestamp | None = None


@contextlib.contextmanager
def planned(
    path: str | Path,
    layer: str,
    city: City,
    *,
    profile: Profile | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    valid_from: str | None = None,
    valid_to: str | None = None,
    limits: Limits | None = None,
    optional: Collection[str] = (),
    only: Collection[str] = (),
) -> Iterator[tuple[Table, Plan]]:
    """Open a file as a layer of a city and tell how to read it; it can be read for as long as the context lasts.

    Parameters
    ----------
    path, layer, city, profile, mapping, set_, crs, valid_from, valid_to, limits, optional
        As of `read_layer`.
    only
        Columns of the layer to read; the others are left as missing and never looked at. None named: all.
    """
    if layer not in LAYERS:
        raise NotFound(f"there is no layer {layer!r}", right=hint(layer, LAYERS))
    shape = _without(LAYERS[layer], optional) if optional else LAYERS[layer]
    if only:
        shape = replace(shape, columns=tuple(c for c in shape.columns if c.name in only))
    own = profile.layer(layer, set_) if profile else Source(layer, set_ or "")
    source = own.with_map(mapping or {})
    start = instant(valid_from, zone=city.time_zone, where="--valid-from") if valid_from else None
    end = instant(valid_to, zone=city.time_zone, where="--valid-to") if valid_to else None
    limits = limits or Limits()
    with opened(path, limits) as file:
        table = _table(file, limits, source)
        yield table, plan_of(table, shape, source, city, by_name=not own.columns, crs=crs, start=start, end=end)


def plan_of(
    table: Table,
    layer: Layer,
    source: Source,
    city: City,
    *,
    by_name: bool,
    crs: str | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Plan:
    """Plan how to read a file whose head is known; ``by_name`` where no profile names its columns."""
    found = _match(table, layer, source, by_name=by_name)
    fields = {column.name for column in layer.columns}
    found = {name: column for name, column in found.items() if name in fields}
    where = where_of(table, dict(source.place)) if layer.geometry else Where("none")
    notes = list(table.notes)
    known = crs_of(table, where, source.crs_text(crs), notes) if layer.geometry else None
    if known is not None and (remark := fit(known, city.bounds)):
        notes.append(remark)
    extra = [c for p in source.parts for c in (p.code, *p.of)] + [*source.take, *source.leave]
    _there(table, extra)
    wanted = tuple(dict.fromkeys([*found.values(), *where.columns, *extra]))
    return Plan(layer, source, city, found, where, known, start, table.name, tuple(notes), wanted, end)


def _without(layer: Layer, optional: Collection[str]) -> Layer:
    """The layer with some of its columns no longer required, nor part of its key."""
    columns = tuple(replace(c, required=c.required and c.name not in optional) for c in layer.columns)
    return replace(layer, columns=columns, key=tuple(name for name in layer.key if name not in optional))


def _table(file: Opened, limits: Limits, source: Source) -> Table:
    if file.format == "CSV":
        return open_csv(file.path, file.name, limits, encoding=source.encoding, delimiter=source.delimiter)
    if file.format == "Parquet":
        return open_parquet(file.path, file.name, limits)
    return open_vector(file.path, file.name, file.format, limits, encoding=source.encoding, table=source.table)


def _match(table: Table, layer: Layer, source: Source, *, by_name: bool) -> dict[str, str]:
    """Our field -> their column, for all that the file gives; ``by_name`` where no profile names columns."""
    fields = [column.name for column in layer.columns]
    missing = {field: column for field, column in source.columns.items() if column not in table.columns}
    if missing:
        what = ", ".join(f"{column!r} (for {field})" for field, column in missing.items())
        first = next(iter(missing.values()))
        raise InputError(f"has no column {what}", where=table.name, right=hint(first, table.columns))
    found = dict(source.columns)
    constants = {*source.constants, *(["set"] if source.set and "set" in fields else [])}
    if by_name:
        folded = {column.casefold(): column for column in reversed(table.columns)}
        if table.format == "Shapefile":  # it cuts names at 10 letters
            folded |= {name: folded[name[:10]] for name in fields if name not in folded and name[:10] in folded}
        for name in fields:
            if name not in found and name not in constants and name in folded:
                found[name] = folded[name]
    lacking = [c.name for c in layer.columns if c.required and c.name not in found and c.name not in constants]
    if lacking:
        right = "--map " + " --map ".join(f"{name}=…" for name in lacking)
        if lacking == ["set"]:
            right = "say which area set it is: --set district, street, community …"
        nearest = hint(lacking[0], table.columns) if table.columns else "it has no columns"
        what = f"has no column for {', '.join(lacking)} of {layer.name}"
        raise InputError(f"{what}; {nearest}", where=table.name, right=right)
    return found


def _there(table: Table, names: list[str]) -> None:
    for name in names:
        if name not in table.columns:
            raise InputError(f"has no column {name!r}", where=table.name, right=hint(name, table.columns))
