"""Rows of a file converted and checked: bad rows apart, good rows on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import zones
from gis.files import columns as cols
from gis.files.codes import class_filter, classes, identifiers
from gis.files.faults import Faults, Whole, no_rejects
from gis.files.instants import days, instants
from gis.files.keys import composite_codes, distinct, doubles, periods
from gis.files.place import Where, from_wkt, in_city, points
from gis.files.planning import Plan
from gis.files.shapes import fit_types, mend
from gis.files.table import Rows
from gis.layers import Column, Layer
from gis.model import DUTIES, FIRSTS, REASONS, City
from gis.profile import Source
from grids.errors import InputError

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
