"""Who gets a case: the rules of responsibility over arrays, for one case and for millions alike.

The order of the rules (each is a name in `gis.model.RULES`):

1. ``no_location``: the place is missing, a default point, or in the wrong datum.
2. ``component_named``: the case names a component that was there at its instant and has a department.
3. ``component_nearest``: the nearest component of its class within the class's reach plus the position error.
4. ``zone_line``, ``zone_area``: of the zones that cover the place, take the class and are valid, the first by
   explicit rank, then the more specific class filter, then a line before an area, then the smaller, then the code.
5. ``territory``: inside the territory, the class's competent department, else that of the community, street, district.
6. ``outside`` the territory; ``unowned`` when the territory names nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import ArrayLike, NDArray

from gis import exact
from gis.model import REASONS, RULES
from gis.nearest import nearest
from gis.raster import pick
from gis.snapshot import ALWAYS, FOREVER, Snapshot, microseconds
from grids.codes import suggest
from grids.errors import InputError

CHUNK = 1 << 16
DEFAULT_POINT_MM = 1000
"""A case within a metre of a default point has no location."""
RULE = {name: i for i, name in enumerate(RULES)}
REASON = {name: i for i, name in enumerate(REASONS)}


@dataclass(frozen=True)
class Cases:
    """Cases as the engine takes them, converted once; shape (n,) each.

    ``x``, ``y`` whole millimetres in the city's CRS (0 where there is no location), ``klass`` position of the class
    or -1, ``component`` first version of the named component or -1, ``instant`` microseconds since 1970 UTC,
    ``error`` position error in millimetres, ``reason`` position in `gis.model.REASONS`. ``faults`` names, by row,
    what was wrong with a value that was given: the row is still answered, without that value.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    klass: NDArray[np.int32]
    component: NDArray[np.int64]
    instant: NDArray[np.int64]
    error: NDArray[np.int64]
    reason: NDArray[np.int8]
    faults: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.x)

    @staticmethod
    def read(
        snapshot: Snapshot,
        x: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike,
        *,
        crs: Any = None,
        components: ArrayLike | None = None,
        at: Any = None,
        accuracy_m: ArrayLike | None = None,
        no_location: ArrayLike | None = None,
    ) -> Cases:
        """Convert cases from the caller's coordinates, texts and times.

        Parameters
        ----------
        snapshot
            The city that will answer.
        x, y
            Coordinates, lon/lat order for degrees, shape (n,); NaN or infinite is a missing location.
        classes
            Class texts ``edition:kind+code``, shape (n,); a bare code takes the city's edition; "" is no class.
        crs
            ``EPSG:4326``, ``gcj02`` … (see `gis.crs`); None is the city's own metric CRS.
        components
            Component codes named by the reports, "" for none.
        at
            Instants, one or shape (n,), UTC unless zoned; NaT is the snapshot's.
        accuracy_m
            Position error in metres, one or shape (n,); NaN is 0.
        no_location
            Known reasons for having no location, "" for none.

        Raises
        ------
        InputError
            When lengths differ, or the CRS is unknown.
        """
        x, y = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (x, y))
        n = len(x)
        labels = np.atleast_1d(np.asarray(classes, dtype=object))
        for name, value in (("y", y), ("classes", labels)):
            if len(value) != n:
                raise InputError(f"{len(value)} values for {n} cases", where=name, right="one for each case")
        reason = np.zeros(n, dtype=np.int8)
        if no_location is not None:
            given = np.atleast_1d(np.asarray(no_location, dtype=object))
            reason[:] = [REASON.get(text, REASON["missing"]) if isinstance(text, str) else 0 for text in given.tolist()]
        reason[(reason == 0) & ~(np.isfinite(x) & np.isfinite(y))] = REASON["missing"]
        x, y = _to_city(snapshot, x, y, crs, reason)
        klass = snapshot.class_index(labels)
        faults = _class_faults(snapshot, labels, klass)
        here = _instants(at, n, snapshot)
        error = np.zeros(n) if accuracy_m is None else np.nan_to_num(np.asarray(accuracy_m, dtype=float))
        error = np.broadcast_to(exact.millimetres(np.clip(error, 0, 1e6)), n)
        return Cases(x, y, klass, _named(snapshot, components, n), here, np.ascontiguousarray(error), reason, faults)

    def part(self, rows: slice) -> Cases:
        """The cases of a slice; faults are left behind."""
        return Cases(
            self.x[rows],
            self.y[rows],
            self.klass[rows],
            self.component[rows],
            self.instant[rows],
            self.error[rows],
            self.reason[rows],
        )


def _to_city(
    snapshot: Snapshot, x: NDArray[np.float64], y: NDArray[np.float64], crs: Any, reason: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole millimetres of the city's CRS; writes wrong datums and default points to ``reason``."""
    from gis.crs import is_degrees, to_city

    city = snapshot.city
    if crs is not None:
        if is_degrees(crs):
            west, south, east, north = city.bounds
            inside = (west <= x) & (x <= east) & (south <= y) & (y <= north)
            swapped = (west <= y) & (y <= east) & (south <= x) & (x <= north)
            beyond = (np.abs(x) > 180) | (np.abs(y) > 90)
            points = np.asarray(city.default_points, dtype=float).reshape(-1, 2)
            for lon, lat in points:
                near = (np.abs(x - lon) < 1e-5) & (np.abs(y - lat) < 1e-5)
                reason[near & (reason == 0)] = REASON["default_point"]
            reason[(reason == 0) & (beyond | (swapped & ~inside))] = REASON["wrong_datum"]
        fine = reason == 0
        x, y = (np.where(fine, v, np.nan) for v in (x, y))
        x, y = to_city(x, y, crs, city.srid)
    # what the city's projection cannot hold, or is farther than the Earth is round, is beyond any city
    far = ~(np.isfinite(x) & np.isfinite(y)) | (np.abs(x) > 1e8) | (np.abs(y) > 1e8)
    mm_x, mm_y = (exact.millimetres(np.where((reason > 0) | far, 1e9, v)) for v in (x, y))
    for px, py in snapshot.default_points_mm:
        near = (np.abs(mm_x - px) <= DEFAULT_POINT_MM) & (np.abs(mm_y - py) <= DEFAULT_POINT_MM)
        near[near] = (mm_x[near] - px) ** 2 + (mm_y[near] - py) ** 2 <= DEFAULT_POINT_MM**2
        reason[near & (reason == 0)] = REASON["default_point"]
    return mm_x, mm_y


def _class_faults(snapshot: Snapshot, labels: NDArray[np.object_], klass: NDArray[np.int32]) -> dict[int, str]:
    faults = {}
    known = snapshot.codes("classes.text")[:-1]
    said: dict[str, str] = {}
    for i in np.flatnonzero(klass < 0):
        text = labels[i]
        if not isinstance(text, str) or not text:
            continue
        if text not in said:
            near = suggest(text, list(known))
            said[text] = f"class {text!r} is unknown" + (f"; did you mean {', '.join(near)}?" if near else "")
        faults[int(i)] = said[text]
    return faults


def _instants(at: Any, n: int, snapshot: Snapshot) -> NDArray[np.int64]:
    if at is None or isinstance(at, pd.Timestamp):
        stamp = snapshot.at if at is None or at is pd.NaT else at
        stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp
        return np.full(n, stamp.as_unit("us")._value, dtype=np.int64)
    default = snapshot.at.as_unit("us")._value
    return np.ascontiguousarray(np.broadcast_to(microseconds([at] if np.ndim(at) == 0 else at, default), n))


def _named(snapshot: Snapshot, components: ArrayLike | None, n: int) -> NDArray[np.int64]:
    out = np.full(n, -1, dtype=np.int64)
    known = snapshot.arrays["components.code"]
    if components is None or not len(known):
        return out
    texts = np.atleast_1d(np.asarray(components, dtype=object))
    rows = np.flatnonzero([isinstance(text, str) and text != "" for text in texts.tolist()])
    if len(rows):
        wanted = np.char.encode(texts[rows].astype(str), "utf-8")
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        out[rows] = np.where(known[at] == wanted, at, -1)
    return out


@dataclass(frozen=True)
class Resolution:
    """Answers as positions in the snapshot, shape (n,) each; -1 for none.

    ``rule`` and ``reason`` are positions in `gis.model.RULES` and `REASONS`; ``square`` is the squared distance to
    the component in mm²; ``areas`` has one column for each area set of the snapshot; ``edge`` tells that the place
    lies exactly on the border of what decided (its unit, or the zone or area of the rule).
    """

    snapshot: Snapshot
    unit: NDArray[np.int32]
    areas: NDArray[np.int32]
    department: NDArray[np.int32]
    rule: NDArray[np.int8]
    reason: NDArray[np.int8]
    component: NDArray[np.int32]
    square: NDArray[np.int64]
    zone: NDArray[np.int32]
    edge: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count of answers."""
        return len(self.unit)

    def distance_m(self) -> NDArray[np.float64]:
        """Distance to the component in metres; NaN where no component decided."""
        return np.where(self.square >= 0, np.sqrt(np.maximum(self.square, 0)) / 1000.0, np.nan)

    def frame(self) -> pd.DataFrame:
        """The answers as texts, in the order of the cases; "" for none, NaN for no distance.

        ``probability`` is NaN and ``ask_first`` false: doubt is not computed yet.
        """
        s = self.snapshot

        def text(name: str, at: NDArray) -> pd.Series:
            return pd.Series(s.column(name).take(at))

        rules, reasons = pd.array(RULES, dtype="str"), pd.array(REASONS, dtype="str")
        columns = {
            "unit": text("units.code", self.unit),
            "department": text("departments.code", self.department),
            "rule": pd.Series(rules.take(self.rule)),
            "reason": pd.Series(reasons.take(self.reason)),
            "component": text("components.code", self.component),
            "distance_m": self.distance_m(),
            "zone": text("zones.code", self.zone),
            "on_edge": self.edge,
            "probability": np.full(len(self), np.nan),
            "ask_first": np.zeros(len(self), dtype=bool),
        }
        for k, name in enumerate(s.area_sets):
            columns[name] = text(f"areas/{name}.code", self.areas[:, k])
        return pd.DataFrame(columns)


def assign(
    cases: Cases,
    snapshot: Snapshot,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Resolution:
    """Give each case its one accountable department, with the rule that decided.

    Parameters
    ----------
    cases
        Shape (n,).
    snapshot
        The city at an instant.
    threads
        How many cores to use; all by default. The answer does not depend on it.
    progress
        Called with the count of cases done, after each chunk.

    Returns
    -------
    Resolution
        Same order and length. Every tie is decided by rank, filter, kind, size or code, never by row order.
    """
    parts = [slice(i, i + CHUNK) for i in range(0, max(len(cases), 1), CHUNK)]

    def work(rows: slice) -> tuple[NDArray, ...]:
        done = _chunk(cases.part(rows), snapshot)
        if progress:
            progress(len(done[0]))
        return done

    if len(parts) == 1:
        return Resolution(snapshot, *work(parts[0]))
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        done = list(pool.map(work, parts))
    return Resolution(snapshot, *(np.concatenate(column) for column in zip(*done, strict=True)))


@njit(cache=True, nogil=True)
def _version(first, thing, instant, begins, ends, out):
    """The version of each named component that is valid at the case's instant; versions of a code stand together."""
    for i in range(len(first)):
        k = first[i]
        out[i] = -1
        if k < 0:
            continue
        j = k
        while j < len(begins) and thing[j] == thing[k]:
            if begins[j] <= instant[i] < ends[j]:
                out[i] = j
                break
            j += 1


def _pick(snapshot: Snapshot, name: str, cases: Cases, klass: NDArray[np.int32]) -> tuple[NDArray, NDArray]:
    layer = snapshot.layer(name)
    out, edge = np.empty(len(cases), dtype=np.int32), np.empty(len(cases), dtype=np.bool_)
    if name == "zones":
        group, takes = snapshot.arrays["zones.filter"], snapshot.arrays["filters"]
    else:
        group = np.zeros(len(layer), dtype=np.int32)
        takes = np.ones((1, len(snapshot.arrays["classes.text"]) + 1), dtype=np.bool_)
    pick(
        layer.raster.arrays,
        cases.x,
        cases.y,
        cases.instant,
        klass,
        group,
        takes,
        layer.begins,
        layer.ends,
        out,
        edge,
    )
    return out, edge


def owner_of_component(snapshot: Snapshot, component: NDArray[np.int32], epoch: NDArray[np.int64]) -> NDArray[np.int32]:
    """Department of components by their class's duty, else by the next duty in `DUTIES`, else the class's own; -1."""
    owner = np.full(len(component), -1, dtype=np.int32)
    rows = np.flatnonzero(component >= 0)
    if not len(rows):
        return owner
    rules, which = snapshot.rules, component[rows]
    klass = snapshot.arrays["components.class"][which]
    duty = rules.duty[epoch[rows], klass].astype(np.int64)
    three = snapshot.arrays["components.department"][which]
    found = np.full(len(rows), -1, dtype=np.int32)
    for step in range(3):
        found = np.where(found < 0, three[np.arange(len(rows)), (duty + step) % 3], found)
    owner[rows] = np.where(found < 0, rules.department[epoch[rows], klass], found)
    return owner


def _chunk(cases: Cases, snapshot: Snapshot) -> tuple[NDArray, ...]:
    n, arrays, rules = len(cases), snapshot.arrays, snapshot.rules
    last = len(arrays["classes.text"])
    klass = np.where(cases.klass < 0, last, cases.klass).astype(np.int32)
    epoch = np.searchsorted(rules.since, cases.instant, side="right") - 1
    placed = cases.reason == 0

    unit, unit_edge = _pick(snapshot, "units", cases, klass)
    areas = np.full((n, len(snapshot.area_sets)), -1, dtype=np.int32)
    territory = np.full(n, -1, dtype=np.int32)
    inside, area_edge = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for k, name in enumerate(snapshot.area_sets):
        areas[:, k], edge = _pick(snapshot, f"areas/{name}", cases, klass)
        if name in snapshot.city.territory:
            inside |= areas[:, k] >= 0
            of = np.append(arrays[f"areas/{name}.department"], np.int32(-1))[areas[:, k]]
            area_edge |= edge & (territory < 0) & (of >= 0)
            territory = np.where(territory < 0, of, territory)
    competent = rules.department[epoch, klass]
    territory = np.where(inside & (competent >= 0), competent, territory)
    zone, zone_edge = _pick(snapshot, "zones", cases, klass)

    begins, ends = arrays["components.begins"], arrays["components.ends"]
    named = np.full(n, -1, dtype=np.int32)
    if len(begins):
        _version(cases.component, arrays["components.thing"], cases.instant, begins, ends, named)
    named_owner = owner_of_component(snapshot, named, epoch)
    wanted = np.append(arrays["classes.component"], np.int32(-1))[klass]
    wanted = np.where(placed & (named_owner < 0), wanted, -1).astype(np.int32)
    near, square = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int64)
    reach = rules.radius_mm[epoch, klass] + cases.error
    nearest(
        snapshot.components.arrays,
        cases.x,
        cases.y,
        wanted,
        reach,
        cases.instant,
        begins,
        ends,
        near,
        square,
    )
    near_owner = owner_of_component(snapshot, near, epoch)

    line = np.append(arrays["zones.is_line"], False)[zone]
    steps = [
        (~placed, RULE["no_location"], np.int32(-1)),
        (named_owner >= 0, RULE["component_named"], named_owner),
        (near_owner >= 0, RULE["component_nearest"], near_owner),
        (line, RULE["zone_line"], np.append(arrays["zones.department"], np.int32(-1))[zone]),
        (zone >= 0, RULE["zone_area"], np.append(arrays["zones.department"], np.int32(-1))[zone]),
        (inside & (territory >= 0), RULE["territory"], territory),
        (inside, RULE["unowned"], np.int32(-1)),
    ]
    rule = np.select([s[0] for s in steps], [s[1] for s in steps], RULE["outside"]).astype(np.int8)
    department = np.select([s[0] for s in steps], [s[2] for s in steps], np.int32(-1)).astype(np.int32)
    by_name, by_near = rule == RULE["component_named"], rule == RULE["component_nearest"]
    by_zone = (rule == RULE["zone_line"]) | (rule == RULE["zone_area"])
    component = np.where(by_name, named, np.where(by_near, near, -1)).astype(np.int32)
    if by_name.any():
        place = arrays["components.place"][named[by_name]]
        square[by_name] = (cases.x[by_name] - place[:, 0]) ** 2 + (cases.y[by_name] - place[:, 1]) ** 2
    square = np.where(component >= 0, square, -1)
    edge = (unit_edge & (unit >= 0)) | (by_zone & zone_edge) | ((rule == RULE["territory"]) & area_edge)
    zone = np.where(by_zone, zone, -1).astype(np.int32)
    # without a place nothing is known of it; kernels saw a point beyond any city
    for column in (unit, areas, zone, component):
        column[~placed] = -1
    return unit, areas, department, rule, cases.reason, component, square, zone, edge & placed


__all__ = ["ALWAYS", "FOREVER", "Cases", "Resolution", "assign", "owner_of_component"]
