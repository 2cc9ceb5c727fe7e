"""Who gets a case: the rules of responsibility over arrays, for one case and for millions alike.

The order of the rules (each is a name in `gis.model.RULES`):

1. ``no_location``: the place is missing, a default point, or in the wrong datum.
2. ``zone_line``, ``zone_area`` of a zone that says ``only``; zones that say ``never`` keep their department from all
   that follows, and from this.
3. ``component_named``: the case names a component that was there at its instant and has a department.
4. ``component_nearest``: the nearest component of its class within the class's reach plus the position error.
5. ``zone_line``, ``zone_area``: of the zones that cover the place, take the class and are valid, the first by
   explicit rank, then the more specific class filter, then a line before an area, then the smaller, then the code.
   Where the class's rule says ``locality``, this goes before 3 and 4.
6. ``territory``: inside the territory, the class's competent department, else that of the community, street, district.
7. ``outside`` the territory; ``unowned`` when the territory names nobody.

A department that is not there at the case's instant is stood for by the one above it, see `gis.snapshot.standing`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gis import decide
from gis.convert import REASON, Cases
from gis.decide import RULE
from gis.doubt import probability
from gis.grouped import first_many
from gis.model import REASONS, RULES
from gis.raster import cover_many, nearby
from gis.snapshot import ALWAYS, FOREVER, Snapshot

CHUNK, LEAST = 1 << 18, 1 << 14
"""Most cases of a chunk, and the fewest for which a second core is asked."""
PARTS, WIDEST = 16, 1 << 21
"""Of very many cases a chunk is a sixteenth, up to so many: the more are sorted by place, the nearer each is to the
next."""
COLUMNS = tuple(name for name in Cases.__dataclass_fields__ if name != "faults")


@dataclass(frozen=True)
class Resolution:
    """Answers as positions in the snapshot, shape (n,) each; -1 for none.

    ``rule`` and ``reason`` are positions in `gis.model.RULES` and `REASONS`; ``square`` is the squared distance to
    the component in mm²; ``areas`` has one column for each area set of the snapshot; ``edge`` tells that the place
    lies exactly on the border of what decided (its unit, or the zone or area of the rule). ``probability`` is the
    share of the true places that fall to the answered owner, or to nobody where it is nobody, given the case's
    position error: NaN where none is known; ``ask_first`` where it is below the city's threshold (see `gis.doubt`).
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
    probability: NDArray[np.float64]
    ask_first: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count of answers."""
        return len(self.unit)

    def distance_m(self) -> NDArray[np.float64]:
        """Distance to the component in metres; NaN where no component decided."""
        return np.where(self.square >= 0, np.sqrt(np.maximum(self.square, 0)) / 1000.0, np.nan)

    def frame(self) -> pd.DataFrame:
        """The answers as texts, in the order of the cases; "" for none, NaN for no distance and no probability."""
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
            "probability": self.probability,
            "ask_first": self.ask_first,
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
            column[gone] = np.nan if name == "probability" else 0 if name in ("reason", "edge", "ask_first") else -1
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
            Columns of `frame`; ``distance_m`` and ``probability`` are null where there is none; the flags of an
            answer that is `without` are null too.
        """
        s, n = self.snapshot, len(self)

        def text(words: tuple[pa.Array, NDArray], at: NDArray) -> pa.DictionaryArray:
            codes = pa.array(words[1], mask=at < 0 if nulls else None)
            return pa.DictionaryArray.from_arrays(codes, words[0])

        def stored(name: str, at: NDArray) -> pa.DictionaryArray:
            return text(s.words_at(name, at), at)

        def plain(words: Iterable[str], at: NDArray) -> pa.DictionaryArray:
            once = pa.array([*words, ""], pa.string()).dictionary_encode()
            return text((once.dictionary, once.indices.to_numpy()[at]), at)

        def said() -> pa.Array:
            rows = np.fromiter(faults or (), dtype=np.intp)
            at = np.full(n, -1, dtype=np.int32)
            at[rows] = np.arange(len(rows))
            return plain((faults or {}).values(), at)

        makers: dict[str, Callable[[], pa.Array]] = {
            "unit": lambda: stored("units.code", self.unit),
            "department": lambda: stored("departments.code", self.department),
            "rule": lambda: plain(RULES, self.rule),
            "reason": lambda: plain(REASONS[1:], self.reason - 1),
            "component": lambda: stored("components.code", self.component),
            "distance_m": lambda: pa.array(self.distance_m(), from_pandas=True),
            "zone": lambda: stored("zones.code", self.zone),
            "on_edge": lambda: pa.array(self.edge, mask=self.rule < 0),
            "probability": lambda: pa.array(self.probability, from_pandas=True),
            "ask_first": lambda: pa.array(self.ask_first, mask=self.rule < 0),
        }
        for k, name in enumerate(s.area_sets):
            makers[name] = lambda k=k, name=name: stored(f"areas/{name}.code", self.areas[:, k])  # type: ignore[misc]
        makers |= {} if faults is None else {"fault": said}
        return pa.table({name: makers[name]() for name in (columns or makers)})


def assign(
    cases: Cases,
    snapshot: Snapshot,
    *,
    doubt: bool = True,
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
    doubt
        Whether to compute how sure each owner is, for the cases whose position error is known; otherwise nothing is
        known of any.
    threads
        How many cores to use; all by default. The answer does not depend on it.
    progress
        Called with the count of cases done, after each chunk.

    Returns
    -------
    Resolution
        Same order and length. Every tie is decided by rank, filter, kind, size or code, never by row order.
    """
    found = _in_chunks(cases, lambda part: _chunk(part, snapshot), threads, progress)
    sure, ask = np.broadcast_to(np.nan, len(cases)), np.broadcast_to(False, len(cases))
    if doubt and (cases.error >= 0).any():
        sure = probability(cases, snapshot, found[2], threads=threads)
        ask = sure < snapshot.city.ask_below
    return Resolution(snapshot, *(*found, sure, ask))


def locate(
    cases: Cases, snapshot: Snapshot, *, sets: Sequence[str] | None = None, threads: int | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Where each case is, without the question who owns it.

    Parameters
    ----------
    sets
        Area sets to look in; all of the snapshot by default.

    Returns
    -------
    unit, areas, zone : int32, shape (n,), (n, sets), (n,)
        Positions in the snapshot, -1 for none: the unit, the area of each set, and the first zone in order of
        precedence that takes the class and is valid.
    """
    names = snapshot.area_sets if sets is None else tuple(sets)

    def work(part: Cases) -> tuple[NDArray, ...]:
        units, (grouped, begins, ends, *_), _, rules, _ = decide.ground(snapshot)
        unit, _ = _cover(units, part)
        areas, zone = np.empty((len(part), len(names)), dtype=np.int32), np.empty(len(part), dtype=np.int32)
        for k, name in enumerate(names):
            layer = snapshot.layer(f"areas/{name}")
            areas[:, k], _ = _cover((layer.raster.arrays, layer.begins, layer.ends), part)
        first_many(grouped, part.x, part.y, part.instant, part.klass, len(rules[4]) - 1, begins, ends, zone)
        return unit, areas, zone

    unit, areas, zone = _in_chunks(cases, work, threads, needs=("x", "y", "klass", "instant"))
    return unit, areas, zone


def _in_chunks(
    cases: Cases,
    work: Callable[[Cases], tuple[NDArray, ...]],
    threads: int | None,
    progress: Callable[[int], None] | None = None,
    needs: Sequence[str] = COLUMNS,
) -> tuple[NDArray, ...]:
    """What a function makes of the columns that it needs of the cases, a chunk at a time, on several cores."""
    threads = threads or os.cpu_count() or 1
    size = min(max(CHUNK, min(len(cases) // PARTS, WIDEST)), max(LEAST, -(-len(cases) // threads)))
    parts = [slice(i, i + size) for i in range(0, max(len(cases), 1), size)]

    whole: list[NDArray] = []
    lock = Lock()

    def told(rows: slice) -> None:
        # asked in an order in which neighbours follow each other, written where each belongs
        part = cases if len(parts) == 1 else cases.part(rows)
        order = nearby(part.x, part.y)
        if order is not None:
            part = replace(part, **{name: getattr(part, name).take(order, mode="clip") for name in needs})
        done = work(part)
        with lock:
            if not whole:
                whole.extend(np.empty((len(cases), *column.shape[1:]), dtype=column.dtype) for column in done)
        for column, mine in zip(whole, done, strict=True):
            column[rows][slice(None) if order is None else order] = mine
        if progress:
            progress(len(part))

    if len(parts) == 1:
        told(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(told, parts))
    return tuple(whole)


def _chunk(cases: Cases, snapshot: Snapshot) -> tuple[NDArray, ...]:
    n = len(cases)
    units, zones, components, rules, standing = decide.ground(snapshot)
    unit, unit_edge = _cover(units, cases)
    areas = np.empty((n, len(snapshot.area_sets)), dtype=np.int32)
    territory = [name for name in snapshot.area_sets if name in snapshot.city.territory]  # the smallest first
    inside = np.zeros(n, dtype=bool)
    held, held_edge = np.empty((len(territory), n), dtype=np.int32), np.empty((len(territory), n), dtype=bool)
    for k, name in enumerate(snapshot.area_sets):
        layer = snapshot.layer(f"areas/{name}")
        area, on_edge = _cover((layer.raster.arrays, layer.begins, layer.ends), cases)
        areas[:, k] = area
        if name in territory:
            t = territory.index(name)
            decide.hold(area, on_edge, snapshot.arrays[f"areas/{name}.department"], inside, held[t], held_edge[t])
    rule = np.empty(n, dtype=np.int8)
    department, component, zone = (np.empty(n, dtype=np.int32) for _ in range(3))
    square, edge = np.empty(n, dtype=np.int64), np.empty(n, dtype=bool)
    decide.many(
        cases.x, cases.y, cases.klass, cases.component, cases.instant, np.maximum(cases.error, 0), cases.reason,
        inside, held, held_edge, unit_edge, zones, components, rules, standing,
        department, rule, component, square, zone, edge,
    )  # fmt: skip
    if cases.reason.any():  # without a place nothing is known of it; kernels saw a point beyond any city
        unit[cases.reason > 0] = -1
        areas[cases.reason > 0] = -1
    return unit, areas, department, rule, cases.reason, component, square, zone, edge


def _cover(layer: tuple[Any, ...], cases: Cases) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    out, edge = np.empty(len(cases), dtype=np.int32), np.empty(len(cases), dtype=np.bool_)
    raster, begins, ends = layer
    cover_many(raster, cases.x, cases.y, cases.instant, begins, ends, out, edge)
    return out, edge


__all__ = ["ALWAYS", "FOREVER", "REASON", "RULE", "Cases", "Resolution", "assign", "locate"]
