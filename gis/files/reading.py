"""From a file to a layer: open, find the columns, convert, check, place, mend; bad rows apart, good rows on.

Two kinds of fault, and the wall between them:

* of the **file**: nothing of it can be trusted or understood. It cannot be opened or is not whole; it is the wrong
  format, layer or place (more than half of its rows lie outside the city); its CRS cannot be told; a required column
  is missing; not one value of a date column can be read. One `InputError`, one line, nothing is loaded.
* of a **row**: the rest of the file is sound. The row goes to the rejects with its number, column, value and reason
  (each fault of it one line), the other rows go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import zones
from gis.crs import fit
from gis.files import columns as cols
from gis.files.codes import class_filter, classes, identifiers
from gis.files.delimited import open_csv
from gis.files.faults import Faults, Whole, no_rejects
from gis.files.instants import days, instant, instants
from gis.files.keys import composite_codes, distinct, doubles, periods
from gis.files.opening import Limits, Opened, opened
from gis.files.parquet import open_parquet
from gis.files.place import Where, crs_of, from_wkt, in_city, points, where_of
from gis.files.shapes import fit_types, mend
from gis.files.table import Rows, Table
from gis.files.vectors import open_vector
from gis.layers import LAYERS, Column, Layer
from gis.model import DUTIES, FIRSTS, REASONS, City
from gis.profile import Profile, Source, hint
from grids.errors import InputError, NotFound

Progress = Callable[[str], None]
"""Called with what is being done."""

WORDS = {
    "duty": ("", *DUTIES),
    "first": ("", *FIRSTS),
    "no_location": tuple(r for r in REASONS if r != "default_point"),
}
"""Fields that take only these words."""


@dataclass
class Checked:
    """What a file gave.

    Parameters
    ----------
    frame
        Good rows: the columns of the layer (`gis.layers`), geometry in the city's metric CRS, index ``row`` = number of
        the row in the file, from 1.
    rejects
        ``row, column, value, why``, one row for each fault.
    flags
        The same for rows that are kept although something about them is odd.
    notes
        What was assumed, mended or left out, one line each.
    read
        Rows in the file (those left out by the profile not counted).
    lost
        Rejected rows as far as they could be read: the columns of the layer without geometry, index as ``frame``.
        Rows that fell apart before their columns were known are in ``rejects`` only.
    """

    frame: pd.DataFrame
    rejects: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    flags: pd.DataFrame = field(default_factory=no_rejects)
    read: int = 0
    lost: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def rejected(self) -> int:
        """Number of rows rejected (a row may have several faults)."""
        return int(self.rejects["row"].nunique())


def read_layer(
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
    progress: Progress | None = None,
    limits: Limits | None = None,
    optional: Collection[str] = (),
) -> Checked:
    """Read a file as a layer of a city.

    Parameters
    ----------
    path
        GeoPackage, Shapefile (also zipped), GeoJSON, FlatGeobuf, GeoParquet, Parquet or CSV.
    layer
        Name of a layer of `gis.layers`.
    city
        Gives the metric CRS, the bounds, the time zone, the code scheme and the class edition.
    profile
        How the city's own files say it; without one, columns must have our names (any case) or be mapped.
    mapping
        Our field (or ``lon``, ``lat``, ``x``, ``y``, ``wkt``) -> their column; wins over the profile.
    set_
        Area set, or the variant of the layer in the profile.
    crs
        ``EPSG:n``, ``gcj02`` or ``bd09``; wins over the profile, which wins over the file.
    valid_from
        Day or instant from which rows without a ``valid_from`` of their own hold.
    valid_to
        Day or instant until which rows without a ``valid_to`` of their own hold, excluded.
    progress
        Called with the name of each step.
    optional
        Required columns of the layer that this reading can do without; one of the key names nothing then, so that no
        row is the double of another.

    Returns
    -------
    Checked

    Raises
    ------
    InputError
        A fault of the file (see the top of this module); `TooLarge` beyond ``limits``; `NotFound` for an unknown layer.
    """
    told = progress or (lambda _: None)
    with planned(
        path,
        layer,
        city,
        profile=profile,
        mapping=mapping,
        set_=set_,
        crs=crs,
        valid_from=valid_from,
        valid_to=valid_to,
        limits=limits,
        optional=optional,
    ) as (table, plan):
        told("reading")
        rows = table.read(list(plan.wanted), plan.where.kind == "geometry")
    return judge(rows, plan, told)


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


def judge(rows: Rows, plan: Plan, told: Progress, whole: Whole | None = None) -> Checked:
    """Convert and check the rows of a file, or a portion of them: ``whole`` then counts what the file answers for."""
    shape, source, city, found = plan.layer, plan.source, plan.city, plan.found
    faults = _chosen(rows, source, plan.name, [*plan.notes, *rows.notes], whole)
    early = rows.rejects if rows.rejects is not None else no_rejects()
    faults.bad |= np.isin(rows.numbers, early["row"])
    told("columns")
    out = _fields(rows, shape, source, city, found, faults, plan.name)
    composite_codes(rows.data, source, faults)
    told("codes")
    _codes(out, shape, source, city, found, faults)
    if shape.geometry:
        told("places")
        out["geometry"] = _shapes(rows, shape, city, plan.crs, plan.where, faults, plan.name, out, found)
    if shape.dated:
        periods(out, rows.data, found, plan.start, plan.end, faults)
    elif "code" in out:
        # layers of the ground may come without codes: the number of the row serves
        out["code"] = out["code"].mask(out["code"] == "", pd.Series(faults.numbers).astype("str"))
    read = len(out) + int((~np.isin(early["row"], rows.numbers)).sum())
    if source.distinct:
        out, faults = distinct(out, shape, source, faults)
    doubles(out, shape, found, faults)
    rejects = pd.concat([early, faults.frame()], ignore_index=True).sort_values("row", kind="stable", ignore_index=True)
    good = out[~faults.bad].set_axis(pd.Index(faults.numbers[~faults.bad], name="row"), axis=0)
    if shape.geometry:
        good = gpd.GeoDataFrame(good, geometry="geometry", crs=f"EPSG:{city.srid}")
    lost = pd.DataFrame(out.drop(columns="geometry", errors="ignore"))[faults.bad]
    lost = lost.set_axis(pd.Index(faults.numbers[faults.bad], name="row"), axis=0)
    return Checked(good, rejects, faults.notes, faults.frame(flags=True), read, lost)


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


def _chosen(rows: Rows, source: Source, name: str, notes: list[str], whole: Whole | None) -> Faults:
    """Leave out the rows that the profile does not take; a file without rows is an error."""
    n = len(rows.data)
    if whole is None and not n and (rows.rejects is None or rows.rejects.empty):
        raise InputError("has no rows", where=name, right="give a file with rows")
    keep = np.ones(n, dtype=bool)
    for column, values in source.take.items():
        keep &= cols.text(rows.data[column]).isin(values).to_numpy()
    for column, values in source.leave.items():
        keep &= ~cols.text(rows.data[column]).isin(values).to_numpy()
    taken = int(keep.sum())

    def nothing(left: int, _: int) -> InputError:
        what = f"none of its {left:,} rows is one to take"
        return InputError(what, where=name, right="see take and leave in the profile")

    counted = Faults([], whole)
    counted.of_file("rows", n - taken, taken, nothing)
    if taken < n:
        notes.append(f"{n - keep.sum():,} rows left out by the profile")
        rows.data, rows.numbers = rows.data[keep].reset_index(drop=True), rows.numbers[keep]
        rows.geometry = None if rows.geometry is None else rows.geometry[keep]
        rows.unreadable = None if rows.unreadable is None else rows.unreadable[keep]
    faults = Faults(rows.numbers, whole)
    faults.notes = notes
    return faults


def _fields(
    rows: Rows,
    layer: Layer,
    source: Source,
    city: City,
    found: Mapping[str, str],
    faults: Faults,
    name: str,
) -> pd.DataFrame:
    """All columns of the layer, converted."""
    n = len(rows.data)
    out: dict[str, pd.Series] = {}
    for column in layer.columns:
        raw = _raw(rows, column, source, found, n)
        their = found.get(column.name, column.name)
        if raw is None:
            out[column.name] = _missing(column, n)
            continue
        if column.name in source.values or column.name in source.replace:
            raw = cols.rewrite(raw, source.values.get(column.name, {}), source.replace.get(column.name, ()))
        formats = source.date_formats(column.name)
        if column.kind == "instant":
            zone = source.time_zone or city.time_zone
            made = instants(raw, their, faults, zone=zone, formats=formats, where=name)
        elif column.kind == "date":
            made = days(raw, their, faults, formats=formats, where=name)
        elif column.kind == "number":
            made = cols.number(raw, their, column.name, faults)
        elif column.kind == "integer":
            made = cols.integer(raw, their, column.name, faults)
        elif column.kind == "flag":
            made = cols.flag(raw, their, faults)
        else:
            made = cols.clean(cols.text(raw), their, faults)
        if column.name in WORDS and layer.name != "zones":  # whose words are checked with their shapes
            words = WORDS[column.name]
            wrong = (~made.isin(words)).to_numpy(dtype=bool)
            faults.add(wrong, their, made, f"is not one of {', '.join(w for w in words if w)}")
        if column.required:
            lacking = ((made if column.kind == "text" else cols.text(raw)) == "").to_numpy(dtype=bool)
            faults.add(lacking, their, "", f"{column.name} is missing")
        out[column.name] = made
    return pd.DataFrame(out)


def _raw(rows: Rows, column: Column, source: Source, found: Mapping[str, str], n: int) -> pd.Series | None:
    if column.name in found:
        return rows.data[found[column.name]]
    if column.name in source.constants:
        return pd.Series([str(source.constants[column.name])] * n, dtype="str")
    if column.name == "set" and source.set:
        return pd.Series([source.set] * n, dtype="str")
    return None


def _missing(column: Column, n: int) -> pd.Series:
    if column.kind == "text":
        return pd.Series([""] * n, dtype="str")
    if column.kind == "flag":
        return pd.Series(np.zeros(n, dtype=bool))
    if column.kind == "instant":
        return pd.Series(pd.NaT, index=range(n), dtype="datetime64[us, UTC]")
    if column.kind == "date":
        return pd.Series(pd.NaT, index=range(n), dtype="datetime64[us]")
    return pd.Series(np.full(n, np.nan))


def _codes(
    out: pd.DataFrame, layer: Layer, source: Source, city: City, found: Mapping[str, str], faults: Faults
) -> None:
    """Bring class codes into one form, check the others."""
    if "class" in out:
        column, groups = found.get("class", "class"), layer.name == "rules"
        kind = source.kind or ("C" if layer.name == "components" else "")
        out["class"] = classes(out["class"], column, city, faults, edition=source.edition, kind=kind, groups=groups)
    if layer.name == "zones":
        column = found.get("classes", "classes")
        out["classes"] = class_filter(out["classes"], column, city, faults, edition=source.edition)
    if "code" in out:
        identifiers(out, found.get("code", "code"), layer.name, city, faults)


def _shapes(
    rows: Rows,
    layer: Layer,
    city: City,
    crs: object,
    where: Where,
    faults: Faults,
    name: str,
    out: pd.DataFrame,
    found: Mapping[str, str],
) -> NDArray[np.object_]:
    """Geometry of every row in the city's CRS; None where missing (cases) or at fault.

    ``no_location`` of ``out`` is filled in where a case has no place.
    """
    no_location = out["no_location"] if layer.name == "cases" else None
    if where.kind == "geometry":
        shapes = np.full(len(rows.data), None, dtype=object) if rows.geometry is None else rows.geometry
        if rows.unreadable is not None:
            faults.add(rows.unreadable, where.column, "", "is a geometry that cannot be read (an open ring, say)")
    elif where.kind == "wkt":
        shapes = from_wkt(rows.data[where.columns[0]], where, faults)
    else:
        shapes = points(rows.data, where, faults)
    shapes = shapes.copy()
    if no_location is not None:
        shapes[(no_location != "").to_numpy()] = None
    shapes = fit_types(shapes, layer, where, faults, name)
    gone = shapely.is_missing(shapes) & ~faults.at((where.column, *where.columns))
    if no_location is None:
        if len(gone) and gone.all():
            raise InputError(f"has no geometry in its {len(gone):,} rows", where=name, right="is it the right file?")
        faults.add(gone, where.column, "", "has no geometry")
    elif gone.any():
        out.loc[gone & (no_location == "").to_numpy(), "no_location"] = "missing"
        faults.note(f"{gone.sum():,} rows have no place and are kept without one", gone)
    shapes = in_city(shapes, crs, city, where, faults, name=name, strays=no_location is not None)
    shapes = mend(shapes, where, faults)
    if layer.name == "zones":
        for at, column, values, why in zones.faults(shapes, out):
            new = ~faults.at((column, found.get(column, "")))[at]
            faults.add(at[new], found.get(column, column), values[new], why[new])
    return shapes
