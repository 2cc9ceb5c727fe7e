"""Parquet and GeoParquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gis.files.opening import Limits, gigabytes, parsing
from gis.files.table import NULLABLE, Portion, Rows, Table, arrow_portion
from grids.errors import InputError, TooLarge


def open_parquet(path: Path, name: str, limits: Limits) -> Table:
    """Read the head of a Parquet or GeoParquet file.

    Raises
    ------
    InputError
        Broken, or its metadata of geometry is.
    TooLarge
        It unpacks to more than the limits.
    """
    with parsing(name, "Parquet"), pq.ParquetFile(path) as file:
        head, schema = file.metadata, file.schema_arrow
        size = sum(head.row_group(i).total_byte_size for i in range(head.num_row_groups))
        geo = _geo(schema, name)
    if head.num_rows > limits.rows:
        raise TooLarge(f"has {head.num_rows:,} rows", where=name, right=f"at most {limits.rows:,}; split it")
    if size > 4 * limits.bytes:
        right = f"at most {gigabytes(4 * limits.bytes)} GB; split it"
        raise TooLarge(f"unpacks to {gigabytes(size)} GB", where=name, right=right)
    primary = geo.get("primary_column", "")
    shape = geo.get("columns", {}).get(primary, {})
    hidden = set(geo.get("columns", {})) | {"bbox"} if geo else set()
    columns = [column for column in schema.names if column not in hidden]
    # no crs in the metadata means OGC:CRS84, a crs of null means unknown
    crs = shape.get("crs", "OGC:CRS84") if geo else None
    crs = json.dumps(crs) if isinstance(crs, dict) else crs

    def read(wanted: Sequence[str], geometry: bool) -> Rows:
        return _read(path, name, wanted, primary if geometry else "", shape.get("encoding", "WKB"))

    def stream(wanted: Sequence[str], geometry: bool, size: int, rows: range | None = None) -> Iterator[Portion]:
        return _stream(path, name, wanted, primary if geometry else "", size, rows)

    native = shape.get("encoding", "WKB").upper() != "WKB"
    form = "GeoParquet" if geo else "Parquet"
    return Table(name, form, columns, bool(geo), crs, read, [], None if native else stream, head.num_rows)


FEW = ("class", "component", "no_location")
"""Texts that repeat, as they are often called: read as dictionaries."""


def _stream(
    path: Path, name: str, wanted: Sequence[str], primary: str, size: int, rows: range | None
) -> Iterator[Portion]:
    """Read a portion of rows at a time; of a column no more than a megabyte is read ahead.

    Of some rows (numbers from 1) only the row groups that hold them are read.
    """
    columns = [*wanted, *([primary] if primary else [])]
    repeated = [column for column in wanted if column.casefold() in FEW]
    with parsing(name, "Parquet"):
        file = pq.ParquetFile(path, read_dictionary=repeated, buffer_size=1 << 20, pre_buffer=False)
    with file:
        groups, first = _groups(file.metadata, rows)
        batches = file.iter_batches(size, row_groups=groups, columns=columns)
        while True:
            with parsing(name, "Parquet"):
                batch = next(batches, None)
                if batch is None:
                    return
                start = max(rows.start - first, 0) if rows is not None else 0
                stop = min(rows.stop - first, len(batch)) if rows is not None else len(batch)
                data = pa.Table.from_batches([batch.slice(start, max(stop - start, 0))])
                data.validate(full=True)  # text that is not UTF-8
            if len(data) or rows is None:
                wkb = data.column(primary).combine_chunks() if primary else None
                yield arrow_portion(data.select(list(wanted)), wkb, first + start)
            first += len(batch)


def _groups(head: pq.FileMetaData, rows: range | None) -> tuple[list[int], int]:
    """Row groups that hold some rows (all when None), and the number of the first row in them."""
    ends = np.cumsum([head.row_group(i).num_rows for i in range(head.num_row_groups)], dtype=np.int64)
    if rows is None or not len(ends):
        return list(range(len(ends))), 1
    starts = np.concatenate([[0], ends[:-1]])
    held = np.flatnonzero((ends >= rows.start) & (starts + 1 < rows.stop)).tolist()
    return held, int(starts[held[0]]) + 1 if held else rows.start


def _geo(schema: pa.Schema, name: str) -> dict[str, Any]:
    """The metadata of GeoParquet; empty for plain Parquet."""
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        return {}
    try:
        geo = json.loads(text)
        if geo["columns"][geo["primary_column"]] is None or geo["primary_column"] not in schema.names:
            raise KeyError(geo["primary_column"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"its GeoParquet metadata is broken ({error})", where=name, right="export it again") from error
    return geo


def _read(path: Path, name: str, wanted: Sequence[str], primary: str, encoding: str) -> Rows:
    if primary and encoding.upper() != "WKB":
        return _native(path, name, wanted, primary)
    with parsing(name, "Parquet"):
        table = pq.read_table(path, columns=[*wanted, *([primary] if primary else [])])
        table.validate(full=True)  # text that is not UTF-8
        frame = (
            table.select(list(wanted))
            .replace_schema_metadata()
            .to_pandas(ignore_metadata=True, types_mapper=NULLABLE.get)
        )
        wkb = table.column(primary).to_numpy(zero_copy_only=False) if primary else None
    rows = Rows(frame, np.arange(1, len(frame) + 1, dtype=np.int64))
    if primary:
        rows.geometry = shapely.from_wkb(wkb, on_invalid="ignore")
        rows.unreadable = shapely.is_missing(rows.geometry) & ~np.asarray(table.column(primary).is_null(), dtype=bool)
    return rows


def _native(path: Path, name: str, wanted: Sequence[str], primary: str) -> Rows:
    """GeoArrow encodings (point, polygon …) through geopandas."""
    import geopandas

    with parsing(name, "GeoParquet"):
        frame = geopandas.read_parquet(path, columns=[*wanted, primary])
    rows = Rows(frame[list(wanted)].reset_index(drop=True), np.arange(1, len(frame) + 1, dtype=np.int64))
    rows.geometry = np.asarray(frame[primary].to_numpy(), dtype=object)
    rows.unreadable = np.zeros(len(frame), dtype=bool)
    return rows
