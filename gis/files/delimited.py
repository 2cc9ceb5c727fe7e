"""CSV: encoding and delimiter told from the file, every field as text, rows that are no rows set apart."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from gis.files.encoding import encoding_of
from gis.files.faults import no_rejects, shown
from gis.files.opening import Limits, parsing
from gis.files.table import Rows, Table
from grids.errors import InputError, TooLarge

DELIMITERS = ",;\t|"
UNCLOSED = -1


def open_csv(path: Path, name: str, limits: Limits, *, encoding: str = "", delimiter: str = "") -> Table:
    """Read the head of a CSV.

    Parameters
    ----------
    encoding, delimiter
        Declared by the profile; "" for told from the file (the one of ``, ; tab |`` that the header has most).

    Raises
    ------
    InputError
        Not text, in no encoding, without a header, or with two columns of one name.
    """
    data = path.read_bytes()
    found = encoding_of(data, declared=encoding, where=name)
    if not found.startswith("utf-16"):
        data = data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    if b"\x00" in data and not found.startswith("utf-16"):
        raise InputError("is no text (it has zero bytes)", where=name, right="give a CSV file")
    header, delimiter = _header(data, found, delimiter, name)
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(f"two columns are called {twice[0]!r}", where=name, right="give each column its own name")

    def read(columns: Sequence[str], _geometry: bool) -> Rows:
        return _read(data, header, found, delimiter, name, limits, columns)

    plain = found in ("utf-8", "utf-8-sig") and not encoding
    return Table(name, "CSV", header, False, None, read, [] if plain else [f"encoding {found}"])


def _header(data: bytes, encoding: str, delimiter: str, name: str) -> tuple[list[str], str]:
    text = data[: 1 << 20].decode(encoding, errors="replace")
    lines = text.lstrip("\r\n")
    if not lines.strip():
        raise InputError("has no header and no rows", where=name, right="the first line names the columns")
    first = lines.splitlines()[0]
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    try:
        header = next(csv.reader(io.StringIO(lines), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise InputError(f"its header cannot be read ({error})", where=name) from error
    header = [column.strip() for column in header]
    if len(header) == 1 and header[0][:1] in "{<[":
        raise InputError("is no CSV", where=name, right="give a CSV file or the right ending")
    return header, delimiter


def _read(
    data: bytes, header: list[str], encoding: str, delimiter: str, name: str, limits: Limits, columns: Sequence[str]
) -> Rows:
    odd: list[tuple[int, int, str]] = []

    def skip(row: pacsv.InvalidRow) -> str:
        odd.append((row.number - 1, row.actual_columns, row.text or ""))
        return "skip"

    # arrow knows names only when they are unique, so ours go in, and the header line is skipped as a row
    names = [f"c{i}" for i in range(len(header))]
    wanted = [names[header.index(column)] for column in columns] or names[:1]
    unclosed = data.count(b'"') % 2 == 1
    taken = names if unclosed else wanted
    with parsing(name, "CSV"):
        table = pacsv.read_csv(
            io.BytesIO(data),
            read_options=pacsv.ReadOptions(
                # one thread, as only then the numbers of bad rows are known
                use_threads=False,
                block_size=64 << 20,
                encoding="utf-8" if encoding == "utf-8-sig" else encoding,
                column_names=names,
                skip_rows_after_names=1,
            ),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types={column: pa.string() for column in taken},
                include_columns=taken,
                strings_can_be_null=False,
            ),
        )
    if table.num_rows > limits.rows:
        raise TooLarge(f"has {table.num_rows:,} rows", where=name, right=f"at most {limits.rows:,}; split it")
    if unclosed and table.num_rows and not _closed(table, odd, data):
        last = table.slice(table.num_rows - 1).to_pylist()[0]
        odd.append((table.num_rows + len(odd), UNCLOSED, " ".join(last.values())))
        table = table.slice(0, table.num_rows - 1)
    out = table.select(wanted).to_pandas().astype("str")
    out = out.set_axis(list(columns), axis=1) if columns else out.iloc[:, :0]
    if unclosed and odd and odd[-1][0] == len(out) + len(odd) and "\n" in odd[-1][2]:
        odd[-1] = (odd[-1][0], UNCLOSED, odd[-1][2])
    notes = (
        [] if data.endswith((b"\n", b"\r", b"\n\x00", b"\x00\n")) else ["its last line has no end; is the file whole?"]
    )
    return Rows(out, _numbers(len(out), odd), rejects=_rejects(odd, len(header), data), notes=notes)


def _closed(table: pa.Table, odd: list[tuple[int, int, str]], data: bytes) -> bool:
    """Whether the last row is sound although the quotes of the file do not pair (an inch sign, say)."""
    if odd and odd[-1][0] > table.num_rows + len(odd) - 1:
        return True
    last = table.slice(table.num_rows - 1).to_pylist()[0]
    return data.endswith((b"\n", b"\r")) and not any("\n" in value for value in last.values())


def _numbers(n: int, odd: list[tuple[int, int, str]]) -> np.ndarray:
    """Numbers of the rows that were kept, among all rows from 1."""
    numbers = np.arange(1, n + len(odd) + 1, dtype=np.int64)
    return np.delete(numbers, [row - 1 for row, *_ in odd]) if odd else numbers


def _rejects(odd: list[tuple[int, int, str]], fields: int, data: bytes) -> pd.DataFrame:
    if not odd:
        return no_rejects()
    cut = not data.endswith((b"\n", b"\r"))
    last = max(row for row, *_ in odd)
    return pd.DataFrame(
        {
            "row": np.array([row for row, *_ in odd], dtype=np.int64),
            "column": pd.Series([""] * len(odd), dtype="str"),
            "value": pd.Series([shown(text) for *_, text in odd], dtype="str"),
            "why": pd.Series([_why(count, fields, cut and row == last) for row, count, _ in odd], dtype="str"),
        }
    )


def _why(count: int, fields: int, cut: bool) -> str:
    if count == UNCLOSED:
        return "a quote opened in it is never closed, so it runs to the end of the file"
    end = ", perhaps the file ends in the middle" if cut and count < fields else ""
    return f"has {count} field{'s' * (count != 1)} where the header has {fields}{end}"
