"""Cases as an Arrow IPC stream: read with its size known beforehand, written from plain columns."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from api.asked import KNOWN, NUMBERS, REQUIRED, TEXTS, Asked, Faults
from api.errors import Unreadable
from api.instants import YEARS
from gis.convert import Distinct, distinct
from grids.codes import suggest
from grids.errors import TooLarge

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_RECORD_BATCH = 3  # MessageHeader.RecordBatch of Arrow's Message.fbs
_DICTIONARY_BATCH = 2
_END = b"\xff\xff\xff\xff\0\0\0\0"
"""Mark at the end of a stream: one that was cut between two batches is told by its absence."""


def read_stream(body: bytes, *, max_rows: int) -> Asked:
    """Read a stream with columns lon, lat, class, and component, accuracy_m, at, channel, id where given.

    Buffers must not be compressed and text must be of type string, large_string or a dictionary of them: a
    stream then unpacks to no more than a small multiple of its own size. The rows at fault are noted.

    Raises
    ------
    Unreadable
        Empty, cut off (even between two batches), not an Arrow stream, or with compressed buffers.
    InputError
        Missing or unknown columns, or types that are not taken.
    TooLarge
        More than `max_rows` cases.
    """
    if not body:
        raise Unreadable("the body is empty", where="body", right="send an Arrow IPC stream")
    try:
        _check_messages(body, max_rows)
        with ipc.open_stream(body) as reader:
            _check_schema(reader.schema)
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, struct.error, IndexError) as error:
        what = f"it is no Arrow IPC stream, {str(error).splitlines()[0]}"
        raise Unreadable(what, where="body") from None
    columns: dict[str, Any] = {}
    for name in NUMBERS:
        if name in table.column_names:
            column = table[name].cast(pa.float64())
            columns[name] = column.to_numpy(zero_copy_only=False)
        else:
            columns[name] = np.full(len(table), np.nan)
    asked = Asked("arrow", columns)
    for name in ("class", "component", "at", "channel"):
        if name not in table.column_names:
            columns[name] = Distinct([], np.full(len(table), -1, dtype=np.int32))
        elif pa.types.is_timestamp(table[name].type):
            columns[name] = _stamps(asked, table[name])
        else:
            columns[name] = distinct(table[name])
    if "id" in table.column_names:
        columns["id"] = table["id"]
    return asked


def _stamps(asked: Asked, column: pa.ChunkedArray) -> NDArray[np.datetime64]:
    """Instants in microseconds, NaT for none; years that are not taken are faults of their rows."""
    unit = column.type.unit
    stamps = column.combine_chunks().cast(pa.timestamp(unit)).to_numpy(zero_copy_only=False)
    first, last = (np.datetime64(f"{year}-01-01", unit) for year in (YEARS[0], YEARS[1] + 1))
    wrong = ((stamps < first) | (stamps >= last)) & ~np.isnat(stamps)
    if wrong.any():
        years = f"is not between the years {YEARS[0]} and {YEARS[1]}"
        asked.blame(np.flatnonzero(wrong), "at", lambda i: f"{str(stamps[i])[:30]} {years}")
        stamps = np.where(wrong, np.datetime64("NaT", unit), stamps)
    return stamps.astype("datetime64[us]")


def write_stream(columns: dict[str, Any], metadata: dict[str, str]) -> bytes:
    """The columns as an Arrow IPC stream; `metadata` goes into its schema."""
    table = pa.table(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _check_schema(schema: pa.Schema) -> None:
    faults = Faults()
    known = list(KNOWN)
    for name in REQUIRED:
        if name not in schema.names:
            faults.add("schema", f"column {name} is missing")
    for column in schema:
        kind, text = column.type, column.name in TEXTS
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        if column.name not in known:
            near = suggest(column.name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            faults.add("schema", f"unknown column {column.name!r}; {hint}")
        elif schema.names.count(column.name) > 1:
            faults.add("schema", f"column {column.name} comes twice")
        elif text and _is_text(plain):
            continue
        elif column.name == "at" and pa.types.is_timestamp(kind):
            if kind.tz is None:
                faults.add("at", "a timestamp without a time zone; send UTC, or ISO 8601 texts")
        elif text or not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            faults.add(column.name, f"is of type {kind}, not {'string' if text else 'float64'}")
    faults.stop()


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _check_messages(body: bytes, max_rows: int) -> None:
    """Walk over the messages without unpacking one: count the rows, refuse compressed buffers."""
    rows = 0
    for message in ipc.MessageReader.open_stream(body):
        kind, batch = _batch(message.metadata.to_pybytes())
        if batch is None:
            continue
        if _field(*batch, 3):
            raise Unreadable("its buffers are compressed", where="body", right="write the stream uncompressed")
        if kind == _RECORD_BATCH:
            data, _ = batch
            place = _field(*batch, 0)
            rows += struct.unpack_from("<q", data, place)[0] if place else 0
        if rows > max_rows:
            raise TooLarge(f"{rows:,} cases", where="body", right=f"send at most {max_rows:,} in one request")
    if not body.endswith(_END):
        right = "send it whole: a writer that is closed marks the end"
        raise Unreadable("the Arrow stream ends without its end mark", where="body", right=right)


def _batch(data: bytes) -> tuple[int, tuple[bytes, int] | None]:
    """Kind of a message and where its record batch stands (Arrow's Message.fbs); None for other kinds."""
    root = struct.unpack_from("<I", data, 0)[0]
    place = _field(data, root, 1)
    kind = data[place] if place else 0
    if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return kind, None
    header = _follow(data, _field(data, root, 2))
    if kind == _DICTIONARY_BATCH:
        header = _follow(data, _field(data, header, 1))
    return kind, (data, header)


def _field(data: bytes, table: int, number: int) -> int:
    """Place of a field of a flatbuffers table; 0 when it is left out."""
    names = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, names)[0]:
        return 0
    offset = struct.unpack_from("<H", data, names + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _follow(data: bytes, place: int) -> int:
    return place + struct.unpack_from("<I", data, place)[0]
