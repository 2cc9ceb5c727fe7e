"""The short way for large files of components: GeoParquet to the record in one stream, no object for a row.

While the server takes one batch of rows in, the next is read, checked, linked to its units and encoded. A batch in
which anything is odd is judged by `gis.files`, as the whole file would be; what this cannot settle batch by batch
(a code twice in the file, a layer that lies elsewhere) makes the short way give up before anything is recorded,
and the caller takes the ordinary one. Both give the same record and the same rejects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from sqlalchemy import Engine

from gis import exact
from gis.crs import is_degrees, to_city
from gis.files import Checked, Limits
from gis.files.codes import classes
from gis.files.faults import Faults, no_rejects
from gis.files.instants import instant
from gis.files.judging import judge
from gis.files.opening import opened, parsing
from gis.files.parquet import open_parquet
from gis.files.place import city_box
from gis.files.planning import Plan, plan_of
from gis.files.table import NULLABLE, Rows
from gis.layers import LAYERS
from gis.model import City
from gis.profile import Profile, Source
from gis.store import checks, copying, filling
from gis.store.linking import Link, Linker
from gis.store.load import LoadReport, Progress, loading, write
from gis.store.rows import (
    CLASS,
    Columns,
    class_columns,
    encoded,
    instants,
    joined,
    length,
    table_columns,
    taken,
    target,
)
from grids.codes_array import check_component
from grids.errors import InputError

LAYER = "components"
BATCH = 32_768
READ_AHEAD = 16
"""Batches that are read and checked while the index of the units is made, and the server is at work."""
WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
FEW = ("class", "supervising", "owning", "maintaining", "unit", "state", "source", "name")
"""Fields whose texts repeat: read as dictionaries."""


class _GiveUp(Exception):
    """The ordinary way must be taken."""


def load_components(
    engine: Engine,
    path: str | Path,
    city: City,
    *,
    profile: Profile | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    valid_from: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
    link: Link | None = None,
) -> tuple[Checked, LoadReport] | None:
    """Load components from a large GeoParquet file, if the short way can be taken.

    Parameters
    ----------
    engine, dry_run, link
        As of `gis.store.load`.
    path, city, profile, mapping, set_, crs, valid_from, progress, limits
        As of `gis.files.read_layer`.

    Returns
    -------
    Checked and LoadReport, or None
        What the file gave (rejects and notes; its frame is empty, the rows are recorded) and what came of it.
        None when nothing was done and `read_layer` and `load` are to do it: another format, fewer than 50,000 rows,
        values that a profile rewrites, or a fault that takes the whole file to tell.

    Raises
    ------
    As `gis.files.read_layer` and `gis.store.load`.
    """
    own = profile.layer(LAYER, set_) if profile else Source(LAYER, set_ or "")
    source = own.with_map(mapping or {})
    told = progress or (lambda _: None)
    limits = limits or Limits()
    with ExitStack() as stack:
        file = stack.enter_context(opened(path, limits))
        if file.format != "Parquet" or _rewrites(source):
            return None
        table = open_parquet(file.path, file.name, limits)
        start = instant(valid_from, zone=city.time_zone, where="--valid-from") if valid_from else None
        plan = plan_of(table, LAYERS[LAYER], source, city, by_name=not own.columns, crs=crs, start=start)
        geometry = primary_column(file.path)
        if plan.where.kind != "geometry" or not geometry:
            return None
        if pq.read_metadata(file.path).num_rows < filling.MANY:
            return None
        try:
            return _Stream(file.path, plan, geometry).load(engine, dry_run=dry_run, told=told, link=link)
        except _GiveUp:
            told("once more, the ordinary way")
            return None


def primary_column(path: Path) -> str:
    """Return the name of the column with the geometry of a GeoParquet file; "" where it is not WKB."""
    geo = json.loads((pq.read_schema(path).metadata or {}).get(b"geo", b"{}"))
    name = geo.get("primary_column", "")
    return name if geo.get("columns", {}).get(name, {}).get("encoding", "").upper() == "WKB" else ""


def _rewrites(source: Source) -> bool:
    """Tell whether a profile does more than name columns."""
    return bool(
        source.constants
        or source.values
        or source.replace
        or source.parts
        or source.take
        or source.leave
        or source.distinct
        or source.place
    )


class _Stream:
    """One file on its way into the record."""

    def __init__(self, path: Path, plan: Plan, geometry: str) -> None:
        few = [plan.found[name] for name in FEW if name in plan.found]
        self.file = pq.ParquetFile(path, memory_map=True, read_dictionary=few)
        self.plan, self.geometry = plan, geometry
        self.to = target(LAYER, plan.city.srid)
        self.report = LoadReport(LAYER)
        self.checked = Checked(pd.DataFrame(), no_rejects(), list(plan.notes), read=self.file.metadata.num_rows)

    def load(self, engine: Engine, *, dry_run: bool, told: Progress, link: Link | None) -> tuple[Checked, LoadReport]:
        """Run the whole load; what was found about rows comes at its end."""
        report, city = self.report, self.plan.city
        with (
            self.file,
            loading(engine, self.to, self.checked.read, report, dry_run=dry_run, progress=told) as (cursor, alone),
            copying.Ahead(self._batches(), depth=READ_AHEAD) as batches,
        ):
            if alone:
                with report.stage("writing", told):
                    known, linker = checks.Known.read(cursor, city), Linker.read(cursor, link)
                    names = self._names()
                    try:
                        stream = self._encoded(batches, names, known, linker, told)
                        report.inserted = filling.fill(cursor, self.to, names, stream)
                    except psycopg2.errors.UniqueViolation as error:
                        raise _GiveUp from error
            else:
                with report.stage("reading", told):
                    parts, faults = zip(*batches, strict=True)
                    all_ = Faults(np.concatenate([f.numbers for f in faults]))
                write(cursor, self.to, city, joined(parts), all_, report, alone=False, link=link, progress=told)
        return self.checked, report

    def _names(self) -> list[str]:
        """Columns of the table that are sent; the others say nothing."""
        theirs = {"code", *CLASS, "unit", "geom", *(f for f in self.plan.found if f in self.to.values)}
        starts = ["valid_from"] if self.plan.start is not None else []
        return [name for name in self.to.columns if name in theirs] + starts

    def _encoded(
        self,
        batches: Iterator[tuple[Columns, Faults]],
        names: list[str],
        known: checks.Known,
        linker: Linker,
        told: Progress,
    ) -> Iterator[memoryview]:
        done = 0
        for columns, faults in batches:
            checks.check(self.to, columns, known, faults)
            linker(columns, faults)
            yield from encoded(self.to, taken(columns, ~faults.bad), names, endless=True)
            for into, flags in (("rejects", False), ("notes", True)):
                found = faults.frame(flags=flags)
                if len(found):
                    setattr(self.report, into, pd.concat([getattr(self.report, into), found], ignore_index=True))
            done += length(columns)
            told(f"writing, {done:,} of {self.checked.read:,} rows")

    def _batches(self) -> Iterator[tuple[Columns, Faults]]:
        """Read the file, a batch at a time, as columns of the table."""
        batches = self.file.iter_batches(BATCH, columns=[*self.plan.wanted, self.geometry])
        first = 1
        while True:
            with parsing(self.plan.name, "Parquet"):
                batch = next(batches, None)
            if batch is None:
                return
            numbers = np.arange(first, first + len(batch), dtype=np.int64)
            first += len(batch)
            columns = _plain(batch, self.geometry, self.plan)
            if columns is not None:
                yield columns, Faults(numbers)
            else:
                yield self._judged(batch, numbers)

    def _judged(self, batch: pa.RecordBatch, numbers: NDArray[np.int64]) -> tuple[Columns, Faults]:
        """Let the ordinary way read a batch, and keep what it found."""
        wkb = batch.column(self.geometry)
        try:
            with parsing(self.plan.name, "Parquet"):
                batch.validate(full=True)  # text that is not UTF-8
                frame = batch.select(list(self.plan.wanted)).replace_schema_metadata()
                rows = Rows(frame.to_pandas(ignore_metadata=True, types_mapper=NULLABLE.get), numbers)
            rows.geometry = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
            rows.unreadable = shapely.is_missing(rows.geometry) & ~np.asarray(wkb.is_null(), dtype=bool)
            found = judge(rows, self.plan, lambda _: None)
        except InputError as error:  # a fault of the file, or only of this part of it
            raise _GiveUp from error
        whole = self.checked
        whole.rejects = pd.concat([whole.rejects, found.rejects], ignore_index=True)
        whole.flags = pd.concat([whole.flags, found.flags], ignore_index=True)
        whole.notes += [note for note in found.notes if note not in whole.notes]
        begins = instants(found.frame["valid_from"]).view(np.int64)
        if found.frame["valid_to"].notna().any() or (begins != _start(self.plan).view(np.int64)).any():
            raise _GiveUp  # versions of one thing must be told apart over the whole file
        columns = table_columns(self.to, found.frame, self.plan.city)
        return columns, Faults(found.frame.index.to_numpy(dtype=np.int64))


def _plain(batch: pa.RecordBatch, geometry: str, plan: Plan) -> Columns | None:
    """Return the columns of a batch in which nothing is odd; None where something is."""
    count = len(batch)
    nothing = pa.array([""] * count, pa.string())
    out: Columns = {}
    for field in LAYERS[LAYER].columns:
        values = batch.column(plan.found[field.name]) if field.name in plan.found else None
        if field.kind == "instant":
            if values is not None and values.null_count < count:
                return None
            continue
        text = nothing if values is None else _text(values)
        if text is None:
            return None
        out[field.name] = text
    out["valid_from"], out["valid_to"] = np.full(count, _start(plan)), np.full(count, np.datetime64("NaT", "us"))
    xy = _points(batch.column(geometry), plan)
    klass = _classes(out.pop("class"), plan)
    if xy is None or klass is None or pc.any(pc.equal(out["code"], "")).as_py():
        return None
    if plan.city.codes != "free" and (check_component(out["code"], of_class=klass, of_unit=out["unit"]) != "").any():
        return None
    return {**out, **class_columns(klass, plan.city.edition), "geom": xy}


def _start(plan: Plan) -> np.datetime64:
    """Return when rows begin to hold; NaT for always."""
    return instants([plan.start])[0]


def _text(values: pa.Array) -> pa.Array | None:
    """Return texts without blanks at their ends; None where they are no texts or have a zero character."""
    if pa.types.is_dictionary(values.type):
        words = _text(values.dictionary)
        if words is None or values.null_count:
            return None if words is None else _text(values.dictionary_decode())
        return pa.DictionaryArray.from_arrays(values.indices, words)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return None
    try:
        trimmed = pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.string()), ""))
    except pa.ArrowInvalid:  # bytes that are no UTF-8
        return None
    return None if pc.any(pc.match_substring(trimmed, "\x00")).as_py() else trimmed


def _classes(texts: pa.Array, plan: Plan) -> pa.Array | None:
    """Return class codes in their one form; None where one is missing or at fault."""
    words = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    distinct = pd.Series(words.dictionary.to_pylist(), dtype="str")
    faults = Faults(np.arange(len(distinct)))
    source = plan.source
    ours = classes(distinct, "class", plan.city, faults, edition=source.edition, kind=source.kind or "C")
    if faults.bad.any() or (ours == "").any():
        return None
    return pa.DictionaryArray.from_arrays(words.indices, pa.array(ours.tolist(), pa.string()))


def _points(values: pa.Array, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return coordinates in the city's CRS, on the 1 mm grid; None where a place is no point inside the city."""
    if values.null_count or not pa.types.is_binary(values.type) or not len(values):
        return None
    ends = np.frombuffer(values.buffers()[1], dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    if not (np.diff(ends) == WKB_POINT.itemsize).all():
        return None
    wkb = np.frombuffer(values.buffers()[2], dtype=WKB_POINT, count=len(values), offset=int(ends[0]))
    if not ((wkb["order"] == 1) & (wkb["type"] == 1)).all():
        return None
    x, y = wkb["x"].astype(np.float64), wkb["y"].astype(np.float64)
    if is_degrees(plan.crs) and not ((np.abs(x) <= 180) & (np.abs(y) <= 90)).all():
        return None
    x, y = to_city(x, y, plan.crs, plan.city.srid)
    west, south, east, north = city_box(plan.city)
    if not ((x >= west) & (x <= east) & (y >= south) & (y <= north)).all():  # NaN is nowhere
        return None
    return exact.millimetres(x) / 1000.0, exact.millimetres(y) / 1000.0
