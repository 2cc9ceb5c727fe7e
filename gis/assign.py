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
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gis.convert import REASON, Cases
from gis.model import REASONS, RULES
from gis.nearest import nearest
from gis.raster import pick
from gis.snapshot import ALWAYS, FOREVER, Snapshot

CHUNK = 1 << 16
RULE = {name: i for i, name in enumerate(RULES)}


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

    def without(self, rows: Iterable[int]) -> Resolution:
        """The same answers, but none for some rows: positions -1, ``rule`` -1, no reason. For rows at fault."""
        gone = np.fromiter(rows, dtype=np.intp)
        if not len(gone):
            return self
        kept = {f.name: getattr(self, f.name).copy() for f in fields(self) if f.name != "snapshot"}
        for name, column in kept.items():
            column[gone] = 0 if name in ("reason", "edge") else -1
        return replace(self, **kept)

    def table(
        self, *, columns: Sequence[str] | None = None, nulls: bool = False, faults: Mapping[int, str] | None = None
    ) -> pa.Table:
        """The answers in Arrow, in the order of the cases; texts are dictionaries, made without a loop over rows.

        Parameters
        ----------
        columns
            Which, in which order; by default all of `frame`, and ``fault`` where faults are given.
        nulls
            True: a text that is missing is null; otherwise "".
        faults
            What was wrong, by row: the column ``fault``.

        Returns
        -------
        pyarrow.Table
            Columns of `frame`; ``distance_m`` and ``probability`` are null where there is none.
        """
        s, n = self.snapshot, len(self)

        def text(words: tuple[pa.Array, NDArray], at: NDArray) -> pa.DictionaryArray:
            codes = pa.array(words[1][at], mask=at < 0 if nulls else None)
            return pa.DictionaryArray.from_arrays(codes, words[0])

        def plain(words: Iterable[str]) -> tuple[pa.Array, NDArray]:
            once = pa.array([*words, ""], pa.string()).dictionary_encode()
            return once.dictionary, once.indices.to_numpy()

        def said() -> pa.Array:
            rows = np.fromiter(faults or (), dtype=np.intp)
            at = np.full(n, -1, dtype=np.int32)
            at[rows] = np.arange(len(rows))
            return text(plain((faults or {}).values()), at)

        makers: dict[str, Callable[[], pa.Array]] = {
            "unit": lambda: text(s.words("units.code"), self.unit),
            "department": lambda: text(s.words("departments.code"), self.department),
            "rule": lambda: text(plain(RULES), self.rule),
            "reason": lambda: text(plain(REASONS[1:]), self.reason - 1),
            "component": lambda: text(s.words("components.code"), self.component),
            "distance_m": lambda: pa.array(self.distance_m(), from_pandas=True),
            "zone": lambda: text(s.words("zones.code"), self.zone),
            "on_edge": lambda: pa.array(self.edge),
            "probability": lambda: pa.nulls(n, pa.float64()),
            "ask_first": lambda: pa.array(np.zeros(n, dtype=bool)),
        }
        for k, name in enumerate(s.area_sets):
            makers[name] = lambda k=k, name=name: text(s.words(f"areas/{name}.code"), self.areas[:, k])  # type: ignore[misc]
        makers |= {} if faults is None else {"fault": said}
        return pa.table({name: makers[name]() for name in (columns or makers)})


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


__all__ = ["ALWAYS", "FOREVER", "REASON", "Cases", "Resolution", "assign", "owner_of_component"]
