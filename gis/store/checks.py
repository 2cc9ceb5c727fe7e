"""What a file says, against what the record knows: departments, classes, areas, and the file's other rows.

Every check is on whole columns; distinct texts are judged once. A fault is the row's number, its column, the value and
what would be right, with near misses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor

from gis import zones
from gis.files.faults import Faults
from gis.layers import LAYERS
from gis.model import DUTIES, FIRSTS, City
from gis.sql import question
from gis.store.rows import CLASS, Columns, Target, length, strings
from grids.catalog import CLASS_COLUMNS, Catalog, catalog
from grids.errors import InputError
from grids.nearmiss import suggest

DEPARTMENTS = {
    "areas": ("department",),
    "rules": ("department",),
    "zones": ("department",),
    "rosters": ("department",),
    "components": ("supervising", "owning", "maintaining"),
}
"""Columns that name a department, by layer; that of a case is what its source system says, and free."""

CATALOGUED = ("2007", "2013", "2026")
"""Editions of the catalogue; rules of any other edition bring its classes along."""

MOST_SHOWN = 1000
"""Distinct unknown texts for which near misses are sought."""


@dataclass(frozen=True)
class Known:
    """What the record knows when a load begins; its codes never go away while the load runs."""

    departments: frozenset[str]
    classes: Catalog
    areas: dict[str, frozenset[str]]
    """Codes by area set."""
    territory: tuple[str, ...]

    @classmethod
    def read(cls, cursor: Cursor, city: City) -> Known:
        """Read what is known."""
        cursor.execute(question("known_departments"))
        departments = frozenset(code for (code,) in cursor)
        cursor.execute(question("frame_classes"))
        classes = pd.DataFrame(cursor.fetchall(), columns=list(CLASS_COLUMNS), dtype="str")
        cursor.execute(question("known_areas"))
        areas = {name: frozenset(codes) for name, codes in cursor}
        return cls(departments, Catalog(classes, catalog().crosswalk), areas, city.territory)


def check(to: Target, columns: Columns, known: Known, faults: Faults) -> None:
    """Check the rows of a layer, and fill in what follows from the record (the set of an area's parent)."""
    for name in DEPARTMENTS.get(to.layer, ()):
        _known(columns[name], name, known.departments, "department", faults)
    if to.layer == "departments":
        _parents(columns, known, faults)
    if to.layer in ("components", "cases"):
        _classes(columns, known, faults)
    if to.layer == "rules":
        _filters(class_texts(columns), "class", known, faults)
        _words(columns["duty"], "duty", DUTIES, faults)
        _words(columns["first"], "first", FIRSTS, faults)
    if to.layer == "zones":
        _filters(columns["classes"], "classes", known, faults)
        _zones(columns, known, faults)
    if to.layer == "areas":
        _area_parents(columns, known, faults)
    if to.layer == "units" and known.territory:
        _communities(columns["community"], known, faults)
    if to.layer == "rosters":
        _roster_areas(columns, known, faults)
    if "geom" in columns and to.layer != "cases":
        shapes = columns["geom"]
        gone = (
            np.isnan(shapes[0]) if isinstance(shapes, tuple) else shapely.is_missing(shapes) | shapely.is_empty(shapes)
        )
        faults.add(gone, "geometry", "", "has no geometry")


def class_texts(columns: Columns) -> pa.Array:
    """Join edition, kind and code; "" where there is none."""
    edition, kind, code = (strings(columns[name]) for name in CLASS)
    text = pc.binary_join_element_wise(pc.binary_join_element_wise(edition, kind, pa.scalar(":")), code, pa.scalar(""))
    return pc.if_else(pc.equal(kind, ""), code, text)


def doubles(to: Target, columns: Columns, faults: Faults) -> NDArray[np.int32]:
    """Refuse rows of one thing that hold at one time, and number the others of it in order of time.

    The first row of the file stays, the later one is a fault.

    Returns
    -------
    int32, shape (n,)
        0 for the first row of each thing by time, 1 for its second …
    """
    count = length(columns)
    turn = np.zeros(count, dtype=np.int32)
    number = key_codes(to, columns)
    if len(np.unique(number)) == count:
        return turn
    begins, ends = _validity(to, columns)
    order = np.lexsort((np.arange(count), begins, number))
    order = order[~faults.bad[order]]
    while True:
        same = number[order[1:]] == number[order[:-1]]
        clash = same & (begins[order[1:]] < ends[order[:-1]])
        if not clash.any():
            break
        pair = np.sort(np.column_stack([order[:-1][clash], order[1:][clash]]), axis=1)
        later, at = np.unique(pair[:, 1], return_index=True)
        values = columns[to.key[-1]]
        said = values.take(pa.array(later)).to_pylist() if isinstance(values, pa.Array) else values[later].astype(str)
        when = " for the same time" * to.dated
        why = [f"is in row {n} already{when}" for n in faults.numbers[pair[at, 0]]]
        faults.add(later, to.key[-1], np.array(said, dtype=object), np.array(why, dtype=object))
        order = order[~faults.bad[order]]
    starts = np.flatnonzero(np.concatenate([[True], ~same])[: len(order)])
    turn[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return turn


def key_codes(to: Target, columns: Columns) -> NDArray[np.int64]:
    """Return one number for each row, equal where the rows are of one thing."""
    parts = []
    for name in to.key:
        values = columns[name]
        if isinstance(values, np.ndarray):
            parts.append(np.unique(values, return_inverse=True)[1])
            continue
        words = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        parts.append(pc.fill_null(words.indices, -1).to_numpy(zero_copy_only=False))
    out = parts[0].astype(np.int64)
    for more in parts[1:]:
        out = out * (int(more.max(initial=0)) + 2) + more
    return out


def _validity(to: Target, columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return begin and end of each row; always, where a layer has none."""
    count = length(columns)
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    if not to.dated:
        return np.full(count, low), np.full(count, high)
    begins, ends = columns["valid_from"].view(np.int64), columns["valid_to"]
    return begins, np.where(np.isnat(ends), high, ends.view(np.int64))  # NaT is the least integer, as it should be


def unknown(
    values: pa.Array, known: Callable[[str], bool], why: Callable[[str], str]
) -> tuple[NDArray[np.bool_], NDArray[np.object_], NDArray[np.object_]]:
    """Judge each distinct text once: mask of the rows whose text is not known, and text and reason of these rows."""
    words = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    texts = words.dictionary.to_pylist()
    lost = [i for i, text in enumerate(texts) if text and not known(text)]
    mask = pc.is_in(words.indices, value_set=pa.array(lost, type=words.indices.type)).to_numpy(zero_copy_only=False)
    if not lost:
        return mask, np.empty(0, dtype=object), np.empty(0, dtype=object)
    table = np.full(len(texts), "", dtype=object)
    for i in lost[:MOST_SHOWN]:
        table[i] = why(texts[i])
    for i in lost[MOST_SHOWN:]:
        table[i] = "is not recorded"
    at = words.indices.to_numpy(zero_copy_only=False)[mask]
    return mask, np.array(texts, dtype=object)[at], table[at]


def _report(faults: Faults, column: str, found: tuple[NDArray, NDArray, NDArray]) -> None:
    mask, values, why = found
    faults.add(np.flatnonzero(mask), column, values, why)


def _near(text: str, known: Iterable[str], right: str) -> str:
    near = suggest(text, known)
    return f"did you mean {' or '.join(near)}?" if near else right


def _known(values: pa.Array, column: str, known: frozenset[str], noun: str, faults: Faults) -> None:
    def why(text: str) -> str:
        return f"no such {noun} is recorded; {_near(text, known, f'load {noun}s first')}"

    _report(faults, column, unknown(values, known.__contains__, why))


def _parents(columns: Columns, known: Known, faults: Faults) -> None:
    """A department's parent is recorded, or is in the file; a row that falls takes those below it along."""
    code, parent = strings(columns["code"]), strings(columns["parent"])
    while True:
        before = int(faults.bad.sum())
        good = pa.array(~faults.bad)
        there = known.departments | frozenset(code.filter(good).to_pylist())
        _known(pc.if_else(good, parent, ""), "parent", there, "department", faults)
        if int(faults.bad.sum()) == before:
            return


def _classes(columns: Columns, known: Known, faults: Faults) -> None:
    there = frozenset(known.classes.texts)
    found = unknown(class_texts(columns), there.__contains__, lambda text: known.classes.check_class([text])[0])
    _report(faults, "class", found)


def _filters(texts: pa.Array, column: str, known: Known, faults: Faults) -> None:
    """Check what rules and zones take; classes of a city's own edition come with its rules."""

    def fault(text: str) -> str:
        if column == "class" and text.partition(":")[0] not in CATALOGUED:
            return ""
        try:
            known.classes.matches(text)
        except InputError as error:
            return f"{error.what}; {error.right}"
        return ""

    _report(faults, column, unknown(texts, lambda text: not fault(text), fault))


def _words(texts: pa.Array, column: str, words: tuple[str, ...], faults: Faults) -> None:
    """Check a column that takes only these words, or none."""
    _report(faults, column, unknown(texts, words.__contains__, lambda _: f"is not one of {', '.join(words)}"))


def _zones(columns: Columns, known: Known, faults: Faults) -> None:
    """Check what zones say and how they lie along their lines, and fill in the ground that they cover."""
    said: dict[str, Any] = {name: strings(columns[name]).to_pylist() for name in zones.WORDS}
    said |= {name: columns[name] for name in ("width_m", "from_m", "to_m")}
    shapes = np.asarray(columns["geom"], dtype=object).copy()
    shapes[faults.bad] = None
    for at, name, values, why in zones.faults(shapes, said):
        faults.add(at, name, values, why)
    shapes[faults.bad] = None
    columns["footprint"], lost = zones.grounds(shapes, said)
    for k, error in lost:
        faults.add([k], "side", said["side"][k], f"{error.what}; {error.right}")
    joint = np.array([" ".join(text.split()) for text in strings(columns["joint"]).to_pylist()], dtype=object)
    for code in sorted({code for text in joint for code in text.split()} - known.departments):
        rows = np.array([code in text.split() for text in joint], dtype=bool)
        near = _near(code, known.departments, "load departments first")
        faults.add(rows, "joint", code, f"no such department is recorded; {near}")
    columns["joint"] = pa.array(joint.tolist(), type=pa.string())


def refuse_clashes(cursor: Cursor, classes: Catalog) -> None:
    """Refuse what the record believes when two zones say ``only`` for one place, class and time.

    Raises
    ------
    InputError
        Names the first pair.
    """
    cursor.execute(question("only_zones"))
    rows = cursor.fetchall()
    if len(rows) < 2:
        return
    code, department, filters, begins, ends, ground = map(list, zip(*rows, strict=True))
    takes = np.array([[*classes.matches(text), "*" in text.split()] for text in filters], dtype=bool)
    spans = (np.array(v, dtype=np.float64) for v in (begins, ends))
    pairs = zones.clashes(department, shapely.from_wkb([bytes(g) for g in ground]), takes, *spans)
    zones.refuse_clashes(code, pairs)


def _area_parents(columns: Columns, known: Known, faults: Faults) -> None:
    """Find the set of each area's parent: the next larger one of the territory, else the set that has the code.

    Parents in a set that has no areas yet are taken on trust.
    """
    sets, codes, parents = (np.array(strings(columns[n]).to_pylist(), dtype=object) for n in ("set", "code", "parent"))
    there = {name: set(known.areas.get(name, ())) for name in {*known.areas, *sets}}
    for name in there:
        there[name] |= set(codes[(sets == name) & ~faults.bad])
    above = np.full(len(sets), "", dtype=object)
    for name in set(sets):
        place = known.territory.index(name) if name in known.territory else -1
        larger = known.territory[place + 1] if 0 <= place < len(known.territory) - 1 else ""
        for parent in {p for p in parents[sets == name] if p}:
            rows = (sets == name) & (parents == parent)
            if larger and (not there.get(larger) or parent in there[larger]):
                above[rows] = larger
                continue
            others = [other for other in sorted(there) if other != name and parent in there[other]]
            if not larger and others:
                above[rows] = others[0]
                continue
            near = _near(parent, there.get(larger, ()), "load the larger areas first")
            faults.add(rows & ~faults.bad, "parent", parent, f"no such {larger or 'area'} is recorded; {near}")
    columns["parent_set"] = pa.array(above.tolist(), type=pa.string())


def _communities(values: pa.Array, known: Known, faults: Faults) -> None:
    name = known.territory[0]
    codes = known.areas.get(name, frozenset())
    if codes:
        _known(values, "community", codes, name, faults)


def _roster_areas(columns: Columns, known: Known, faults: Faults) -> None:
    _known(columns["area_set"], "area_set", frozenset(known.areas), "area set", faults)
    pairs = pc.binary_join_element_wise(strings(columns["area_set"]), strings(columns["area"]), pa.scalar(" "))

    def there(text: str) -> bool:
        name, _, code = text.partition(" ")
        return not code or code in known.areas.get(name, ()) or name not in known.areas

    def why(text: str) -> str:
        name, _, code = text.partition(" ")
        return f"no such {name} is recorded; {_near(code, known.areas.get(name, ()), 'load areas first')}"

    mask, values, whys = unknown(pairs, there, why)
    codes = np.array([v.partition(" ")[2] for v in values], dtype=object)
    faults.add(np.flatnonzero(mask), "area", codes, whys)


def required(to: Target, columns: Columns, faults: Faults) -> None:
    """Refuse rows that lack what their layer must have."""
    for column in LAYERS[to.layer].columns:
        values = class_texts(columns) if column.name == "class" else columns.get(column.name)
        if column.required and isinstance(values, pa.Array):
            empty = pc.equal(strings(values), "").to_numpy(zero_copy_only=False)
            faults.add(empty, column.name, "", f"{column.name} is missing")
        elif column.required and isinstance(values, np.ndarray) and values.dtype.kind == "M":
            faults.add(np.isnat(values), column.name, "", f"{column.name} is missing")
