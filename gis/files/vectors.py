"""GeoPackage, Shapefile, GeoJSON and FlatGeobuf through GDAL, which must give all the rows that the file promises."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyogrio.raw
import shapely

from gis.files.encoding import FileBytes, encoding_of, pieces
from gis.files.faults import COLUMNS, no_rejects, shown
from gis.files.opening import Limits, beside, parsing
from gis.files.table import NULLABLE, Portion, Rows, Table, arrow_portion
from grids.errors import InputError, TooLarge


def open_vector(path: Path, name: str, form: str, limits: Limits, *, encoding: str = "", table: str = "") -> Table:
    """Read the head of a vector file.

    Parameters
    ----------
    form
        ``GeoPackage``, ``Shapefile``, ``GeoJSON`` or ``FlatGeobuf``.
    encoding
        Declared by the profile; a Shapefile otherwise follows its ``.cpg``, then its bytes.
    table
        Name of the layer inside a GeoPackage; "" when it has one.

    Raises
    ------
    InputError
        GDAL cannot read it, it has several layers and ``table`` names none, it ends in the middle.
    """
    source: Any = path
    notes: list[str] = []
    options: dict[str, Any] = {}
    if form == "GeoPackage":
        _sound(path, name)
    if form == "GeoJSON":
        source, notes = _utf8(path, name, encoding)
        options["DATE_AS_STRING"] = "YES"
    if form == "Shapefile":
        encoding, notes = _dbf_encoding(path, name, encoding)
        options["encoding"] = encoding
    with warnings.catch_warnings(), parsing(name, form):
        warnings.simplefilter("ignore")
        if form == "GeoPackage":
            options["layer"] = _layer(source, name, table)
        info = pyogrio.read_info(source, force_feature_count=True, **options)
    if info["features"] > limits.rows:
        raise TooLarge(f"has {info['features']:,} rows", where=name, right=f"at most {limits.rows:,}; split it")

    def read(columns: Sequence[str], geometry: bool) -> Rows:
        return _read(source, name, form, columns, geometry, info["features"], options)

    def stream(columns: Sequence[str], geometry: bool, size: int) -> Iterator[Portion]:
        if info["features"] > size:
            return _stream(source, name, form, columns, geometry, size, info["features"], options)
        return Table(name, form, fields, True, None, read).portions(columns, geometry, size)

    if form == "GeoPackage" and _curved(path, options["layer"]):
        notes = [*notes, "curves are taken as chains of short straight lines"]
    fields = [str(field) for field in info["fields"]]
    placed = info["geometry_type"] is not None
    return Table(name, form, fields, placed, info["crs"], read, notes, stream, info["features"])


def _layer(source: Any, name: str, table: str) -> str:
    layers = [str(layer) for layer in pyogrio.list_layers(source)[:, 0]]
    if table in layers:
        return table
    if table or len(layers) != 1:
        right = "name one in the profile (table = …): " + ", ".join(layers) if layers else "give one with a layer"
        what = f"has no layer {table!r}" if table else f"has {len(layers)} layers"
        raise InputError(what, where=name, right=right)
    return layers[0]


def _read(
    source: Any, name: str, form: str, columns: Sequence[str], geometry: bool, promised: int, options: dict[str, Any]
) -> Rows:
    with warnings.catch_warnings(record=True) as told, parsing(name, form):
        warnings.simplefilter("always")
        meta, fids, wkb, fields = pyogrio.raw.read(
            source,
            columns=list(columns),
            read_geometry=geometry,
            datetime_as_string=True,
            return_fids=True,
            **options,
        )
    n = len(fids)
    if n < promised:
        raise InputError(f"ends in the middle: {n} of {promised} rows", where=name, right="copy it again, whole")
    got: dict[str, Any] = dict(zip(meta["fields"], fields, strict=True))
    got |= _whole(source, name, form, got, options)
    data = pd.DataFrame({column: pd.Series(got[column]) for column in columns}, index=range(n))
    rows = Rows(data, np.arange(1, n + 1, dtype=np.int64))
    rows.rejects = _warned(told, fids)
    if geometry and wkb is not None:
        rows.geometry = shapely.from_wkb(wkb, on_invalid="ignore")
        rows.unreadable = shapely.is_missing(rows.geometry) & np.array([piece is not None for piece in wkb], dtype=bool)
    return rows


def _stream(
    source: Any,
    name: str,
    form: str,
    columns: Sequence[str],
    geometry: bool,
    size: int,
    promised: int,
    options: dict[str, Any],
) -> Iterator[Portion]:
    """Read a portion of rows at a time, as Arrow columns."""
    first = 1
    if form == "FlatGeobuf":
        # after a row without geometry GDAL 3.12's own stream of this format has broken offsets; its common one is sound
        pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})
    with warnings.catch_warnings(record=True) as told, contextlib.ExitStack() as stack:
        warnings.simplefilter("always")
        with parsing(name, form):
            meta, reader = stack.enter_context(
                pyogrio.raw.open_arrow(
                    source,
                    columns=list(columns),
                    read_geometry=geometry,
                    return_fids=True,
                    batch_size=size,
                    use_pyarrow=True,
                    datetime_as_string=True,
                    **options,
                )
            )
        shape = meta["geometry_name"] or "wkb_geometry"
        while True:
            with parsing(name, form):
                batch = next(reader, None)
                if batch is not None:
                    batch.validate(full=True)
            if batch is None:
                break
            data = pa.Table.from_batches([batch])
            fids = data.column(meta["fid_column"] or "OGC_FID").to_numpy()
            wkb = data.column(shape).combine_chunks().cast(pa.binary()) if shape in data.column_names else None
            portion = arrow_portion(data.select(list(columns)), wkb, first)
            portion.rejects = _warned(told, fids, first)
            told.clear()
            yield portion
            first += len(data)
    if first - 1 < promised:
        raise InputError(
            f"ends in the middle: {first - 1} of {promised} rows", where=name, right="copy it again, whole"
        )


def _whole(source: Any, name: str, form: str, got: dict[str, Any], options: dict[str, Any]) -> dict[str, pd.Series]:
    """Columns of large whole numbers with gaps: as floats they would lose their last digits (codes have up to 17)."""
    lost = [c for c, v in got.items() if v.dtype.kind == "f" and len(v) and np.nanmax(np.abs(v), initial=0) >= 2**53]
    if not lost:
        return {}
    with warnings.catch_warnings(), parsing(name, form):
        warnings.simplefilter("ignore")
        _, table = pyogrio.raw.read_arrow(source, columns=lost, read_geometry=False, **options)
        return {c: table.column(c).to_pandas(types_mapper=NULLABLE.get).reset_index(drop=True) for c in lost}


def _warned(told: list[warnings.WarningMessage], fids: np.ndarray, first: int = 1) -> pd.DataFrame:
    """Values that GDAL could not take and left out: a date that does not exist in a GeoPackage."""
    pattern = re.compile(r"Invalid content for record (\d+) in column (.+?): (.*)")
    found = [match.groups() for message in told if (match := pattern.search(str(message.message)))]
    if not found:
        return no_rejects()
    row_of = {fid: row for row, fid in enumerate(fids.tolist(), start=first)}
    rows = [
        (row_of[int(fid)], column, shown(value), "is no date") for fid, column, value in found if int(fid) in row_of
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], "str"))


def _sound(path: Path, name: str) -> None:
    """A GeoPackage that is whole: SQLite checks its own pages (GDAL reads what it can of a broken one)."""
    with parsing(name, "GeoPackage"), contextlib.closing(_reader(path)) as base:
        said = base.execute("pragma quick_check(1)").fetchone()[0]
        base.execute("SELECT geometry_type_name FROM gpkg_geometry_columns").fetchall()
        if said != "ok":
            raise sqlite3.DatabaseError(said)


def _curved(path: Path, layer: str) -> bool:
    """Whether the layer's declared type is one of curves (GDAL hands out straight lines and does not say so)."""
    with contextlib.closing(_reader(path)) as base:
        asked = "SELECT geometry_type_name FROM gpkg_geometry_columns WHERE table_name = ?"
        said = base.execute(asked, (layer,)).fetchone() or ("",)
    return any(word in str(said[0]).upper() for word in ("CURVE", "CIRCULAR", "SURFACE"))


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _utf8(path: Path, name: str, declared: str) -> tuple[Any, list[str]]:
    """A GeoJSON that GDAL can read: the path itself, or its bytes turned into UTF-8."""
    file = FileBytes(path)
    if not any(piece.strip() for piece, _ in pieces(file)):
        raise InputError("is blank", where=name, right="give a GeoJSON FeatureCollection")
    encoding = encoding_of(file, declared=declared, where=name)
    if encoding in ("utf-8", "utf-8-sig"):
        return path, []
    data = path.read_bytes()
    return data.decode(encoding, errors="replace").encode(), [f"encoding {encoding}"]


def _dbf_encoding(path: Path, name: str, declared: str) -> tuple[str, list[str]]:
    """Encoding of the texts of a Shapefile: declared, else its .cpg, else told from its bytes."""
    if declared:
        return declared, [f"encoding {declared}"]
    cpg = beside(path, ".cpg")
    said = cpg.read_bytes()[:40].decode("ascii", errors="ignore").strip() if cpg else ""
    if said:
        known = _python_name(said)
        if known is None:
            raise InputError(f"its .cpg says {said!r}", where=name, right="declare the encoding in the profile")
        return known, [] if known == "utf-8" else [f"encoding {known}, as its .cpg says"]
    dbf = beside(path, ".dbf")
    assert dbf is not None
    first = int.from_bytes(FileBytes(dbf)[8:10], "little")
    encoding = encoding_of(FileBytes(dbf, min(first, dbf.stat().st_size)), where=dbf.name)
    return encoding.removesuffix("-sig"), [] if encoding == "utf-8" else [f"encoding {encoding}"]


def _python_name(said: str) -> str | None:
    """Python's name for what a .cpg says: ``UTF-8``, ``936``, ``ISO 88591``, ``LDID/77``, ``1252``."""
    import codecs

    number = re.sub(r"^(?:cp|windows-?|ansi ?|oem ?|ldid/)", "", said.lower().replace("_", "-"))
    special = {"936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "77": "gb18030", "65001": "utf-8"}
    special |= {"iso 88591": "latin-1", "88591": "latin-1", "iso-8859-1": "latin-1", "87": "cp1252", "3": "cp1252"}
    name = special.get(number) or (f"cp{number}" if number.isdigit() else number)
    try:
        return codecs.lookup(name).name if name not in ("latin-1", "utf-8") else name
    except LookupError:
        return None
