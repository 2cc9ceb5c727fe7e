"""Answers to a file, a portion at a time; the file appears whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grids.errors import InputError

ENDINGS = (".csv", ".parquet")
RARE = 4
"""A dictionary with more words than a quarter of the rows is cut down to those that are used."""


class Writer(Protocol):
    """Takes tables of the same columns, one after the other."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is left."""


@contextlib.contextmanager
def written(out: str | Path, *, ending: str = "") -> Iterator[Writer]:
    """Open a file by its ending, or as if it had ``ending``; it is renamed into place at the end, or is gone.

    Raises
    ------
    InputError
        An ending that we do not write, or a folder that cannot be written to.
    """
    out = Path(out) if ending else checked(out)
    part = out.with_name(out.name + ".part")
    try:
        writer: _Csv | _Parquet = _Csv(part) if (ending or out.suffix.lower()) == ".csv" else _Parquet(part)
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield writer
        writer.close()
        part.replace(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        with contextlib.suppress(OSError):
            writer.close()
        part.unlink(missing_ok=True)


def _unwritable(out: Path, error: OSError) -> InputError:
    what = f"cannot be written ({error.strerror or error})"
    return InputError(what, where=str(out), right="name another file, or make room")


def checked(out: str | Path) -> Path:
    """The path, when its ending is one that we write."""
    out = Path(out)
    if out.suffix.lower() not in ENDINGS:
        raise InputError(
            f"cannot write {out.suffix or 'a file without an ending'}", where=str(out), right=" or ".join(ENDINGS)
        )
    return out


class _Parquet:
    """A row group for each table; texts as dictionaries, which are plain text to whoever reads them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        table = pa.table({name: compact(table.column(name)) for name in table.column_names})
        if self._writer is None:
            texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
            # the least and the greatest code of rows in no order of codes tell a reader nothing, and take half the time
            ordered = [name for name in table.column_names if name not in texts]
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="snappy",
                use_dictionary=texts,
                write_statistics=ordered,
                store_schema=False,
            )
        self._writer.write_table(table, row_group_size=max(len(table), 1))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _Csv:
    """Comma separated, UTF-8, quotes where a text needs them; instants in ISO 8601, UTC."""

    def __init__(self, path: Path) -> None:
        self._file, self._begun = path.open("wb"), False

    def write(self, table: pa.Table) -> None:
        if not self._begun:
            self._file.write((",".join(table.column_names) + "\n").encode())
            self._begun = True
        if not len(table):
            return
        fields = [_field(table.column(name)) for name in table.column_names]
        lines = pc.binary_join_element_wise(*fields, ",")
        for chunk in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
            joined = pc.binary_join(pa.ListArray.from_arrays([0, len(chunk)], chunk), "\n")
            self._file.write(joined[0].as_py().encode())
            self._file.write(b"\n")

    def close(self) -> None:
        self._file.close()


def compact(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; of a large dictionary only the words that are used."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not pa.types.is_dictionary(array.type) or len(array.dictionary) * RARE < len(array):
        return array
    at = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
    used = np.zeros(max(len(array.dictionary), 1), dtype=bool)
    used[at] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    missing = array.indices.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    words = array.dictionary.take(pa.array(np.flatnonzero(used[: len(array.dictionary)])))
    return pa.DictionaryArray.from_arrays(pa.array(place[at], mask=missing), words)


def _field(column: pa.ChunkedArray) -> pa.Array:
    """A column as CSV has it."""
    array = compact(column)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return (
            pa.DictionaryArray.from_arrays(array.indices, _quoted(array.dictionary)).dictionary_decode().fill_null("")
        )
    if pa.types.is_boolean(kind):
        return pc.fill_null(pc.if_else(array, "True", "False"), "")
    if pa.types.is_timestamp(kind):
        told = pc.strftime(array, "%Y-%m-%dT%H:%M:%S")
        told = pc.replace_substring_regex(told, r"\.0+$", "")
        return pc.fill_null(pc.binary_join_element_wise(told, "Z", ""), "")
    if pa.types.is_string(kind):
        return _quoted(array.fill_null(""))
    return pc.fill_null(pc.cast(array, pa.string()), "")


def _quoted(words: pa.Array) -> pa.Array:
    odd = pc.match_substring_regex(words, '[",\r\n]')
    if not pc.any(odd).as_py():
        return words
    doubled = pc.replace_substring(words, '"', '""')
    return pc.if_else(odd, pc.binary_join_element_wise('"', doubled, '"', ""), words)
