"""Communities that unit grids are cut from and held against: read, checked, on the millimetre grid.

Unit grids are examined as they are; communities are the ground, so they are mended: vertices of neighbours on long
edges are taken over before anything is converted, and borders are drawn anew on whole millimetres with a corner every
`SPACING_M`, where units may have theirs: so a unit's corner on a border of kilometres does not bend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import is_degrees
from gis.gridfiles import Raw, projected, read_raw
from grids.conform import SPACING_M, conformed, on_grid
from grids.coverage import coverage_faults
from grids.errors import InputError
from grids.hierarchy import LEVELS

NEAR_M, LONG_M = 0.001, 30.0
DEGREE_M = 111_000.0
TOLERANCE_M = 0.005
WITHIN = 0.5
"""Share of a community that another may cover; beyond, the file holds areas of several levels."""


@dataclass(frozen=True)
class Areas:
    """Communities, and what was odd about them.

    Parameters
    ----------
    frame
        ``code`` (unique, not empty) and valid polygons in a metric CRS, as in the file.
    notes
        One line for each oddity that was lived with.
    """

    frame: gpd.GeoDataFrame
    notes: list[str]


def read_areas(
    path: str | Path,
    *,
    code: str | None = None,
    set_: str | None = None,
    srid: int | None = None,
    crs: str | None = None,
    grid: bool = True,
) -> Areas:
    """Read communities.

    Parameters
    ----------
    path
        As of `gis.gridfiles.read_polygons`.
    code
        The file's column with the code, where it is not ``code``.
    set_
        Which areas, where a column ``set`` tells several sets apart.
    srid, crs
        As of `gis.gridfiles.read_polygons`.
    grid
        Whether borders are drawn anew on whole millimetres; False for units that are not on them (`on_millimetres`).

    Raises
    ------
    InputError
        It cannot be read; a code is missing or given twice; an area is no polygon; one lies within another.
    """
    raw = read_raw(path, crs=crs, columns={"code": code} if code else None)
    raw = _of_set(raw, set_)
    frame = raw.frame
    if "code" not in frame.columns:
        columns = ", ".join(frame.columns) or "none"
        raise InputError("no column code", where=raw.name, right=f"say which with --code COLUMN; columns: {columns}")
    codes = frame["code"].astype("str").fillna("").str.strip()
    if (codes == "").any():
        row = int(np.flatnonzero(codes == "")[0]) + 1
        raise InputError(f"a community without a code, row {row}", where=raw.name, right="a code for each")
    if codes.duplicated().any():
        twice = codes[codes.duplicated()].iloc[0]
        raise InputError(f"code {twice} twice", where=raw.name, right="one row for each community")
    flat = (shapely.get_dimensions(raw.shapes) == 2) & ~shapely.is_empty(raw.shapes)
    if not flat.all():
        odd = raw.shapes[~flat][0]
        what = "has no geometry" if odd is None or odd.is_empty else f"is a {odd.geom_type}"
        raise InputError(f"community {codes[~flat].iloc[0]} {what}", where=raw.name, right="polygons")
    shapes, srid = projected(Raw(raw.name, frame, _meeting(raw.shapes, raw.crs), raw.crs), srid)
    if grid:
        shapes = on_grid(shapes, SPACING_M)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    notes = _overlaps(shapes, codes.to_numpy(object), raw.name)
    if broken.any():
        notes.append(f"{int(broken.sum())} communities had broken geometry and were mended: {codes[broken].iloc[0]}, …")
    return Areas(gpd.GeoDataFrame({"code": codes}, geometry=shapes, crs=srid), notes)


def read_levels(path: str | Path, srid: int) -> dict[str, gpd.GeoDataFrame]:
    """Streets and districts of a file of areas with a column ``set``, for `grids.certificate.certify`.

    Raises
    ------
    InputError
        It has no such set; or as of `read_areas`.
    """
    raw = read_raw(path)
    sets = set(raw.frame["set"].astype("str")) if "set" in raw.frame.columns else set()
    found = {name: read_areas(path, set_=name, srid=srid, grid=False).frame for name in LEVELS[1:] if name in sets}
    if not found:
        right = "a column set with street or district" + (f"; sets: {', '.join(sorted(sets))}" if sets else "")
        raise InputError("has no streets and no districts", where=raw.name, right=right)
    return found


def on_millimetres(units: gpd.GeoDataFrame) -> bool:
    """Whether all corners of units are on whole millimetres, as near as GeoJSON of nine digits can tell."""
    mm = shapely.get_coordinates(units.geometry.to_numpy()) * 1e3
    mm = mm[np.isfinite(mm).all(axis=1)]
    return bool((np.abs(mm - np.rint(mm)) < 0.15).all())


def idle_barriers(names: Sequence[str], files: Sequence[gpd.GeoDataFrame], areas: gpd.GeoDataFrame) -> list[str]:
    """One line for each file of barriers that bounds nothing in these communities, which is seldom what was meant."""
    out = []
    ground = shapely.box(*areas.total_bounds)
    for name, frame in zip(names, files, strict=True):
        shapes = frame.geometry.to_numpy()
        some = shapely.get_dimensions(shapes) > 0
        if not some.any():
            out.append(
                f"{Path(name).name}: no row is a barrier: no lines or areas with a rank, or a tag or kind we know"
            )
        elif not shapely.intersects(shapes[some], ground).any():
            out.append(f"{Path(name).name}: none of its {int(some.sum()):,} barriers lies near the communities")
    return out


def _of_set(raw: Raw, set_: str | None) -> Raw:
    if "set" not in raw.frame.columns:
        if set_:
            raise InputError(f"has no column set, so no set {set_!r}", where=raw.name, right="leave --set out")
        return raw
    told = raw.frame["set"].astype("str").fillna("")
    sets = sorted(told.unique())
    if set_ is None and len(sets) > 1:
        raise InputError(f"holds the sets {', '.join(sets)}", where=raw.name, right="say which with --set NAME")
    if set_ is not None and set_ not in sets:
        raise InputError(f"has no set {set_!r}", where=raw.name, right=f"one of {', '.join(sets)}")
    return raw.some((told == (set_ or sets[0])).to_numpy())


def _meeting(shapes: NDArray[np.object_], crs: Any) -> NDArray[np.object_]:
    """Communities, in the coordinates of their file, with their neighbours' vertices on their edges."""
    unit = DEGREE_M if is_degrees(crs) else 1.0
    return conformed(shapes, tolerance=NEAR_M / unit, longer=LONG_M / unit)


def _overlaps(shapes: NDArray[np.object_], codes: NDArray[np.object_], name: str) -> list[str]:
    """Tell of overlaps; refuse areas that lie within others."""
    found = coverage_faults(shapes, np.arange(len(shapes)), None, tolerance_m=TOLERANCE_M)
    found = found[found["kind"] == "overlap"].sort_values("area_m2", ascending=False)
    if not len(found):
        return []
    one, two = found["unit"].to_numpy(np.int64), found["other"].to_numpy(np.int64)
    size = shapely.area(shapes)
    share = found["area_m2"].to_numpy() / np.minimum(size[one], size[two])
    a, b = one[0], two[0]
    worst = int(np.argmax(share))
    if share[worst] > WITHIN:
        a, b = one[worst], two[worst]
        a, b = (a, b) if size[a] < size[b] else (b, a)
        raise InputError(
            f"community {codes[a]} lies within {codes[b]} by {share[worst]:.0%}",
            where=name,
            right="areas of one level that do not overlap; --set NAME, or the layer of the communities",
        )
    text = f"communities {codes[a]} and {codes[b]} overlap by {found['area_m2'].iloc[0]:,.2f} m²"
    more = f", and {len(found) - 1} more pairs" if len(found) > 1 else ""
    return [f"{text}{more}: the ground is that of the lower code"]
