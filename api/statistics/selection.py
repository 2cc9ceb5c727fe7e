"""The question behind ``/maps/hotspots`` and ``wanmi hotspots``: which cases, and where do they gather."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.instants import read_instants
from api.statistics.filtering import KINDS, wanted
from api.statistics.masking import some_of, taken_units, unit_hectares
from api.statistics.source import Recorded, Source
from gis import counts, hotspots
from gis.exact import footprint
from gis.model import City
from gis.wanted import Wanted
from grids.catalog import Catalog, filter_items, filter_text
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

BANDWIDTH_M = 80.0
"""Narrow enough that a gathering of one or two unit grids is not smoothed away."""
CELL_M = 25.0
LEVEL = hotspots.LEVEL
"""False discovery rate below which a unit counts as hot."""
BANDWIDTHS_M = (50.0, 2000.0)
MOST_SMOOTHERS = 6
"""So many kernels are kept ready on the ground of a city, a few megabytes each."""


@dataclass(frozen=True)
class Selection:
    """Which cases: a class filter (class, group or kind; "" for all) and a period, UTC, half-open, NaT for open.

    ``departments`` are codes of owners by the answer, ``channels`` names of channels, joined by blanks or commas;
    ``area`` is ``SET:CODE`` or ``SET`` for all of a set, joined by commas, a leading ``-`` leaves out; "" for all.
    ``known_at`` leaves out what was recorded later, NaT for nothing.
    """

    classes: str = ""
    begin: pd.Timestamp = pd.NaT
    end: pd.Timestamp = pd.NaT
    bandwidth_m: float = BANDWIDTH_M
    known_at: pd.Timestamp = pd.NaT
    departments: str = ""
    channels: str = ""
    area: str = ""

    @classmethod
    def read(
        cls,
        city: City,
        classes: str = "",
        begin: str = "",
        end: str = "",
        bandwidth_m: float = BANDWIDTH_M,
        *,
        departments: str = "",
        channels: str = "",
        area: str = "",
        known_at: pd.Timestamp = pd.NaT,
    ) -> Selection:
        """Check what was asked; days are the city's.

        Raises
        ------
        InputError
            A time that is none, a period that ends before it begins, a bandwidth out of range.
        """
        first = read_instants([begin], city.time_zone, lambda _: "from")[0]
        last = read_instants([end], city.time_zone, lambda _: "to")[0]
        if pd.notna(first) and pd.notna(last) and first >= last:
            raise InputError(f"from {begin} is not before to {end}", where="to", right="the end is excluded")
        low, high = BANDWIDTHS_M
        if not low <= bandwidth_m <= high:
            raise InputError(f"{bandwidth_m:g}", where="bandwidth_m", right=f"{low:g} to {high:g} metres")
        items = {"departments": departments.strip(), "channels": channels.strip(), "area": area.strip()}
        return cls(classes.strip(), first, last, float(bandwidth_m), known_at, **items)

    def said(self) -> dict[str, str]:
        """Filters beside class and period, those that were given, by their names in a query."""
        given = {"department": self.departments, "channel": self.channels, "area": self.area}
        return {name: text for name, text in given.items() if text}


def other_period(found: Look, begin: str, end: str) -> Selection | None:
    """The same cases in another period; None when none is said.

    Raises
    ------
    InputError
        A period that is none, or is open.
    """
    if not begin and not end:
        return None
    if not begin or not end:
        raise InputError("an open period", where="versus_from" if end else "versus_to", right="say both, or neither")
    try:
        read = Selection.read(found.city, begin=begin, end=end)
    except InputError as error:
        raise InputError(error.what, where=f"versus_{error.where}", right=error.right) from None
    return replace(found.selection, begin=read.begin, end=read.end)


def groups(book: Catalog, edition: str, *, lang: str = "zh") -> dict[str, str]:
    """Filters for forms with their names: kinds, and the major classes of an edition, or its classes without majors."""
    english = lang == "en"
    kinds = {"C": "components", "E": "events"} if english else KINDS
    out = {kind: f"all {name}" if english else f"全部{name}" for kind, name in kinds.items()}
    mine = book.classes[book.classes["edition"] == edition]
    majors = mine[mine["major_code"] != ""].drop_duplicates(["kind", "major_code"])
    for row in majors.itertuples(index=False):
        text = f"{edition}:{row.kind}{row.major_code}"
        out[text] = f"{kinds[row.kind]} · {book.english(text) if english else row.major_name}"
    if not len(majors):
        for row in mine.itertuples(index=False):
            text = f"{edition}:{row.kind}{row.code}"
            out[filter_text([text])] = (english and row.name_en) or row.name_zh or row.name_en or row.code
    return out


def filter_name(book: Catalog, selection: str, edition: str, *, lang: str = "zh") -> str:
    """A class filter in words, ``zh`` or ``en``: the names of its groups and classes, codes with the names of classes.

    Examples
    --------
    >>> from grids.catalog import catalog
    >>> filter_name(catalog(), "C01001", "2026"), filter_name(catalog(), "2026:E06", "2026")
    ('C01001 供水井盖', '事件 · 市容环境类')
    >>> filter_name(catalog(), "C01001 2026:E06", "2026", lang="en")
    'C01001 Water supply manhole cover, events · City appearance and environment'
    """
    known = groups(book, edition, lang=lang)
    words = []
    for item in filter_items(selection):
        full = item if ":" in item or item in KINDS else f"{edition}:{item}"
        name = known.get(full) or known.get(filter_text([full]))
        if name is None:
            at = int(book.index([full])[0])
            row = book.classes.iloc[at]
            both = ("name_en", "name_zh") if lang == "en" else ("name_zh", "name_en")
            called = next((row[column] for column in both if row[column]), "") if at >= 0 else ""
            name = f"{item} {called}".strip()
        words.append(name)
    return (", " if lang == "en" else "、").join(words)


@dataclass(frozen=True)
class Look:
    """What was found: the places that count, their density, and the units that stand out.

    ``wanted`` is the selection in the record's own words, ``ground`` are the units with their neighbours, ``cases`` the
    cases of each unit, ``source`` is where all of them come from.
    """

    city: City
    selection: Selection
    places: counts.Places
    bounds: hotspots.Bounds
    ground: Units
    cases: NDArray[np.float64]
    wanted: Wanted
    source: Source

    @property
    def units(self) -> gpd.GeoDataFrame:
        """Unit grids: code, community, geometry in the city's CRS."""
        return self.ground.frame

    @cached_property
    def gi(self) -> hotspots.GiStar:
        """Gi* of the cases per hectare of the units of the selection's areas; all NaN when there are fewer than two,
        NaN for other units.
        """
        keep, z, p, q = taken_units(self), *np.full((3, len(self.units)), np.nan)
        if self.ground.near is None or keep.sum() < 2:
            return hotspots.GiStar(z, p, q)
        near = some_of(self.ground.near, keep)
        told = hotspots.gi_star(self.cases[keep] / unit_hectares(self)[keep], near, p="auto")
        z[keep], p[keep], q[keep] = told.z, told.p, told.q
        return hotspots.GiStar(z, p, q, told.evidence)

    @cached_property
    def grid(self) -> hotspots.Grid:
        """Density, cases per hectare, corrected at the border and along water."""
        bandwidth = self.selection.bandwidth_m
        return self.ground.smoother(self.bounds, "gaussian", bandwidth, cell_of(bandwidth)).density(
            self.places.x, self.places.y
        )

    @cached_property
    def hot(self) -> gpd.GeoDataFrame:
        """Units that stand out, with their cases, z and q; the strongest first."""
        frame = self.units.assign(cases=self.cases.astype(int), z=self.gi.z, p=self.gi.p, q=self.gi.q)
        return frame[self.gi.hot(LEVEL)].sort_values("z", ascending=False, kind="stable")


def cell_of(bandwidth_m: float) -> float:
    """Side of the cells of a density: a quarter of the bandwidth, within 25 to 100 m, and at most half of it."""
    return min(max(CELL_M, min(bandwidth_m / 4, 100.0)), bandwidth_m / 2)


class Units:
    """Unit grids of a city, who touches whom, and the ground they cover (its areas' without units); read once.

    Those that hold at an instant, as known at another; both now by default.
    """

    def __init__(
        self, engine: Engine, city: City, *, at: pd.Timestamp | None = None, known_at: pd.Timestamp | None = None
    ) -> None:
        self.at = pd.NaT if at is None else at
        when = {"at": pd.Timestamp.now(tz="UTC") if at is None else at, "known_at": known_at}
        self.frame = counts.unit_shapes(engine, srid=city.srid, **when)[["code", "community", "geometry"]]
        self.areas = counts.area_shapes(engine, srid=city.srid, **when)
        self.codes = self.frame["code"].to_numpy(dtype=object)
        self._index = pd.Index(self.codes)
        self._placed: tuple[pd.Index, NDArray[np.int64]] = (self._index, np.arange(len(self.codes)))
        self.near = hotspots.contact(self.frame.geometry.to_numpy()) if len(self.frame) else None
        ground = self.frame if len(self.frame) else self.areas
        self.ground = ground.geometry.to_numpy()
        self.water = _water(engine)
        self.bounds: hotspots.Bounds | None = None
        if len(ground):
            west, south, east, north = map(float, ground.total_bounds)
            self.bounds = west, south, east, north
        self._smoothers: dict[tuple[Any, ...], hotspots.Smoother] = {}

    @cached_property
    def whole(self) -> shapely.Geometry:
        """All of the ground as one, prepared."""
        try:
            made = shapely.coverage_union_all(self.ground) if len(self.frame) else shapely.union_all(self.ground)
        except shapely.GEOSException:  # units that overlap
            made = shapely.union_all(self.ground)
        shapely.prepare(made)
        return made

    def place_of(self, codes: pd.Index) -> NDArray[np.int64]:
        """Position of each unit, -1 for none; kept for the codes that were asked for last."""
        known, places = self._placed
        if known is not codes:
            places = self._index.get_indexer(codes).astype(np.int64)
            self._placed = codes, places
        return places

    def located(self, unit: pd.Categorical) -> NDArray[np.int64]:
        """Position of the unit of each case, -1 for none."""
        return np.append(self.place_of(unit.categories), -1)[unit.codes]

    def smoother(self, bounds: hotspots.Bounds, kernel: str, bandwidth_m: float, cell_m: float) -> hotspots.Smoother:
        """A kernel on the allowed ground; prepared when first asked for."""
        key = (bounds, kernel, bandwidth_m, cell_m)
        if key not in self._smoothers:
            inside = None
            if len(self.ground):
                options: dict[str, Any] = {"cell_m": cell_m, "water": self.water}
                inside = hotspots.allowed_cells(bounds, city=self.ground, **options)
            made = hotspots.Smoother(bounds, kernel=kernel, bandwidth_m=bandwidth_m, cell_m=cell_m, inside=inside)
            if len(self._smoothers) >= MOST_SMOOTHERS:
                self._smoothers.pop(next(iter(self._smoothers)), None)
            self._smoothers[key] = made
        return self._smoothers[key]


def _water(engine: Engine) -> NDArray[np.object_]:
    """Polygons of the rivers of the base map; lines as wide as they are said to be, those without a width left out."""
    rows = counts.read_rows(engine, "ground_layer", layer="rivers")
    shapes = shapely.from_wkb([bytes(row["st_asbinary"]) for row in rows])
    width = np.array([row["width_m"] or 0.0 for row in rows], dtype=float)
    if not len(rows):
        return np.empty(0, dtype=object)
    wide = np.isin(shapely.get_type_id(shapes), (3, 6)) | (width > 0)
    return footprint(shapes[wide], width[wide]) if wide.any() else np.empty(0, dtype=object)


def look(
    engine: Engine, city: City, book: Catalog, selection: Selection, units: Units, source: Source | None = None
) -> Look:
    """Count the selection's cases and find where they gather; of the record, unless another source is said.

    Raises
    ------
    InputError
        A filter names what there is not, or the period lies in the future and nothing has happened in it.
    """
    taken = wanted(engine, book, selection, city.edition, at=units.at)
    return look_of(taken, city, selection, units, source or Recorded(engine))


def look_of(taken: Wanted, city: City, selection: Selection, units: Units, source: Source) -> Look:
    """The same of a selection that was checked already.

    Raises
    ------
    InputError
        The period lies in the future and nothing has happened in it.
    """
    places = source.places(taken)
    if not places.total:
        check_future(selection, city)
    bounds = bounds_of(units, places.x, places.y)
    at = units.located(places.unit)
    cases = np.bincount(at[at >= 0], minlength=len(units.codes)).astype(float)
    return Look(city, selection, places, bounds, units, cases, taken, source)


def check_future(selection: Selection, city: City) -> None:
    """Refuse a period that lies in the future; for selections without a case.

    Raises
    ------
    InputError
        It does.
    """
    if pd.notna(selection.begin) and selection.begin > pd.Timestamp.now(tz="UTC"):
        begin = selection.begin.tz_convert(city.time_zone).isoformat()
        raise InputError(f"{begin} lies in the future, and no case is recorded after it", where="from")


def bounds_of(units: Units, x: NDArray[np.float64], y: NDArray[np.float64]) -> hotspots.Bounds:
    """The ground to draw: the city's, else the cases', with a margin."""
    if units.bounds is not None:
        west, south, east, north = units.bounds
    elif len(x):
        west, east = np.quantile(x, [0.001, 0.999])
        south, north = np.quantile(y, [0.001, 0.999])
    else:
        return 0.0, 0.0, 10_000.0, 10_000.0
    margin = 500.0
    return west - margin, south - margin, east + margin, north + margin
