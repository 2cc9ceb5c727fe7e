"""From the canonical rows of a layer to the columns of its table, and to the stream of a COPY."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from sqlalchemy import Boolean, Column, Date, Table, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from gis import exact
from gis.layers import LAYERS
from gis.model import EFFECTS, SIDES, City
from gis.store import copying
from gis.tables import DATED, GROUND, SCHEMA, tables

TIMES = ("valid_from", "valid_to", "recorded_at", "replaced_at")
CLASS = ("edition", "kind", "class_code")
PLAIN = {"effect": EFFECTS[0], "side": SIDES[0]}
"""What a zone says that says nothing."""
CLASS_TEXT = r"^(?:(?P<edition>[^:]+):)?(?P<kind>[CE])(?P<class_code>.*)$"

Columns = dict[str, Any]
"""Values by column of the table: Arrow arrays, numpy arrays, or (x, y) for points; all of one length."""


@dataclass(frozen=True)
class Target:
    """Where the rows of a layer go: its table, the columns that name a thing, and those that say something of it."""

    layer: str
    table: Table
    key: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def dated(self) -> bool:
        """Whether its rows have validity."""
        return self.table.name in DATED

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a load writes, times left out."""
        return (*self.key, *self.values)

    @property
    def is_points(self) -> bool:
        """Whether its places are points."""
        return LAYERS[self.layer].geometry == ("Point",)

    def column(self, name: str) -> Column:
        """One of its columns."""
        return self.table.columns[name]


@lru_cache(maxsize=64)
def target(layer: str, srid: int) -> Target:
    """Return where the rows of a layer go."""
    name = "ground" if layer in GROUND else layer
    table = tables(srid).tables[f"{SCHEMA}.{name}"]
    key = tuple(c.name for c in table.primary_key if c.name not in TIMES)
    values = tuple(c.name for c in table.columns if c.name not in (*key, *TIMES) and c.computed is None)
    return Target(layer, table, key, values)


def table_columns(to: Target, frame: pd.DataFrame, city: City) -> Columns:
    """Return a canonical frame as columns of its table; ``parent_set``, ``footprint`` are for the checks to fill in.

    Geometry becomes what the table's type wants: coordinates of points, multipolygons.
    """
    count = len(frame)
    out: Columns = {}
    for name in (*to.columns, *(TIMES[:2] if to.dated else ())):
        column = to.column(name)
        out[name] = _values(column, frame[name]) if name in frame.columns else _empty(column, count)
    if "class" in frame.columns:
        out |= class_columns(strings(frame["class"]), city.edition)
    if to.layer == "units":  # the first issue, told or not, is one and the same
        out["issue"] = np.nan_to_num(out["issue"])
    if to.layer in GROUND:
        out["layer"] = pa.array([to.layer] * count, type=pa.string())
    if "geometry" in frame.columns:
        out |= _places(to, np.asarray(frame["geometry"], dtype=object), out)
    return out


def class_columns(texts: pa.Array, edition: str) -> Columns:
    """Split class texts ``edition:kind+code``; a text that is no class has an empty kind."""
    words = texts.dictionary_encode() if not pa.types.is_dictionary(texts.type) else texts
    parts = pd.Series(words.dictionary.to_pylist(), dtype="str").str.extract(CLASS_TEXT).fillna("")
    parts.loc[(parts["kind"] != "") & (parts["edition"] == ""), "edition"] = edition
    return {
        name: pa.DictionaryArray.from_arrays(words.indices, pa.array(parts[name].tolist(), type=pa.string()))
        for name in CLASS
    }


def strings(values: Any) -> pa.Array:
    """Return texts as one Arrow array of utf8, missing ones as ""."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    else:
        array = pa.array(pd.Series(values).astype("str").array, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return pc.fill_null(array.cast(pa.string()), "")


def instants(values: Any) -> NDArray[np.datetime64]:
    """Return instants as datetime64[us] in UTC, NaT for missing ones."""
    series = pd.to_datetime(pd.Series(values), utc=True)
    return series.dt.as_unit("us").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")


def length(columns: Columns) -> int:
    """Return the number of rows."""
    first = next(iter(columns.values()))
    return len(first[0]) if isinstance(first, tuple) else len(first)


def taken(columns: Columns, keep: NDArray[np.bool_]) -> Columns:
    """Return the rows where ``keep`` is true."""
    if keep.all():
        return columns
    mask = pa.array(keep)

    def some(values: Any) -> Any:
        if isinstance(values, tuple):
            return tuple(v[keep] for v in values)
        return values.filter(mask) if isinstance(values, pa.Array) else values[keep]

    return {name: some(values) for name, values in columns.items()}


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the rows of several parts, one after another."""

    def whole(name: str) -> Any:
        values = [columns[name] for columns in parts]
        if isinstance(values[0], tuple):
            return tuple(np.concatenate(axis) for axis in zip(*values, strict=True))
        if isinstance(values[0], pa.Array):
            return pa.concat_arrays([strings(v) for v in values])
        return np.concatenate(values)

    return {name: whole(name) for name in parts[0]}


def part(columns: Columns, begin: int, end: int) -> Columns:
    """Return the rows from ``begin`` to before ``end``, without a copy."""

    def some(values: Any) -> Any:
        if isinstance(values, tuple):
            return tuple(v[begin:end] for v in values)
        return values.slice(begin, end - begin) if isinstance(values, pa.Array) else values[begin:end]

    return {name: some(values) for name, values in columns.items()}


def encoded(
    to: Target,
    columns: Columns,
    names: Sequence[str],
    *,
    extra: Mapping[str, NDArray[np.int64]] | None = None,
    endless: bool = False,
) -> Iterator[memoryview]:
    """Encode columns for a COPY, a batch at a time.

    ``extra`` are further int8 columns that come first; ``endless`` writes missing ends of validity as infinite.
    """
    extra = extra or {}
    srid = next((c.type.srid for c in to.table.columns if hasattr(c.type, "srid")), 0)
    count = length(columns)
    for begin in range(0, count, copying.BATCH):
        end = min(count, begin + copying.BATCH)
        batch = part(columns, begin, end)
        done = [copying.number(values[begin:end], "int8") for values in extra.values()]
        klass = [batch[name] for name in CLASS] if set(CLASS) <= set(names) else []
        together = CLASS if _alike(klass) else ()
        for name in names:
            if name in together:
                if name == CLASS[0]:
                    done.append(copying.texts(klass, empty_is_null=bool(to.column(name).nullable)))
            elif endless and name in copying.INFINITE:
                done.append(copying.instant(batch[name], copying.INFINITE[name]))
            else:
                done.append(copying.encode_column(to.column(name), batch[name], srid))
        yield copying.rows(done, end - begin, len(extra) + len(names))


def _alike(columns: Sequence[Any]) -> bool:
    """Tell whether these are dictionaries without gaps that share their numbers."""
    if not columns or not all(isinstance(c, pa.DictionaryArray) and not c.null_count for c in columns):
        return False
    return len({(c.indices.buffers()[1].address, c.offset) for c in columns}) == 1


def _values(column: Column, values: pd.Series) -> Any:
    if isinstance(column.type, Text):
        return strings(values)
    if isinstance(column.type, TIMESTAMP):
        return instants(values)
    if isinstance(column.type, Boolean):
        return values.eq(True).to_numpy(dtype=bool)
    if isinstance(column.type, Date):
        return pd.to_datetime(values).to_numpy(dtype="datetime64[D]")
    return pd.to_numeric(values).to_numpy(dtype=np.float64)


def _empty(column: Column, count: int) -> Any:
    if isinstance(column.type, Text):
        return pa.array([""] * count, type=pa.string())
    if isinstance(column.type, TIMESTAMP):
        return np.full(count, np.datetime64("NaT", "us"))
    if isinstance(column.type, Boolean):
        return np.zeros(count, dtype=bool)
    return np.full(count, np.nan)


def _places(to: Target, shapes: NDArray[np.object_], columns: Columns) -> Columns:
    if to.is_points:
        gone = shapely.is_missing(shapes) | shapely.is_empty(shapes)
        x, y = shapely.get_x(shapes), shapely.get_y(shapes)
        return {"geom": (np.where(gone, np.nan, x), np.where(gone, np.nan, y))}
    if to.layer == "zones":  # their ground is for the checks to fill in
        said = {name: pc.if_else(pc.equal(columns[name], ""), word, columns[name]) for name, word in PLAIN.items()}
        return {"geom": shapes, "footprint": np.full(len(shapes), None, dtype=object)} | said
    return {"geom": exact.multipolygons(shapes) if to.layer in ("areas", "units") else shapes}
