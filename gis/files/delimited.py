"""CSV: encoding and delimiter told from the file, every field as text, rows that are no rows set apart."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from gis.files.encoding import FileBytes, encoding_of, pieces
from gis.files.faults import no_rejects, shown
from gis.files.opening import Limits, parsing
from gis.files.table import Portion, Rows, Table, arrow_rows
from grids.errors import InputError, TooLarge

DELIMITERS = ",;\t|"
UNCLOSED = -1
BLOCK = 16 << 20
"""Bytes of the file that are parsed at a time; no row may be longer."""


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
    file = _File(path, encoding, name)
    header, delimiter = _header(file, delimiter, name)
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(f"two columns are called {twice[0]!r}", where=name, right="give each column its own name")

    def read(columns: Sequence[str], _geometry: bool) -> Rows:
        parts = list(_stream(file, header, delimiter, name, limits, columns, None))
        return _joined(parts, columns, file)

    def stream(columns: Sequence[str], _geometry: bool, size: int) -> Iterator[Portion]:
        return _stream(file, header, delimiter, name, limits, columns, size)

    plain = file.encoding in ("utf-8", "utf-8-sig") and not encoding
    return Table(name, "CSV", header, False, None, read, [] if plain else [f"encoding {file.encoding}"], stream)


class _File:
    """The text of a CSV: its encoding, where its header begins, and whether its quotes pair and its last line ends."""

    def __init__(self, path: Path, declared: str, name: str) -> None:
        whole = FileBytes(path)
        self.path = path
        self.encoding = encoding_of(whole, declared=declared, where=name)
        wide = self.encoding.startswith("utf-16")
        self.start = 0
        if not wide:
            head = whole[: 1 << 16].removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
            self.start = min(len(whole), 1 << 16) - len(head)
        quotes = 0
        for piece, _ in pieces(whole):
            quotes += piece.count(b'"')
            if not wide and b"\x00" in piece:
                raise InputError("is no text (it has zero bytes)", where=name, right="give a CSV file")
        self.head = whole[self.start : self.start + (1 << 20)]
        self.unclosed = quotes % 2 == 1
        self.ended = whole[max(len(whole) - 2, 0) :].endswith((b"\n", b"\r", b"\n\x00", b"\x00\n"))


def _header(file: _File, delimiter: str, name: str) -> tuple[list[str], str]:
    text = file.head.decode(file.encoding, errors="replace")
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


def _stream(
    file: _File,
    header: list[str],
    delimiter: str,
    name: str,
    limits: Limits,
    columns: Sequence[str],
    size: int | None,
) -> Iterator[Portion]:
    """Read some columns as text, in portions of about ``size`` rows; None leaves them as the parser cuts them."""
    odd: list[tuple[int, int, str]] = []

    def skip(row: pacsv.InvalidRow) -> str:
        odd.append((row.number - 1, row.actual_columns, row.text or ""))
        return "skip"

    # arrow knows names only when they are unique, so ours go in, and the header line is skipped as a row
    names = [f"c{i}" for i in range(len(header))]
    wanted = [names[header.index(column)] for column in columns] or names[:1]
    taken = names if file.unclosed else wanted
    with parsing(name, "CSV"), file.path.open("rb") as opened:
        opened.seek(file.start)
        reader = pacsv.open_csv(
            opened,
            read_options=pacsv.ReadOptions(
                # one thread, as only then the numbers of bad rows are known
                use_threads=False,
                block_size=BLOCK if size is None else min(BLOCK, max(1 << 16, size * 128)),
                encoding="utf-8" if file.encoding == "utf-8-sig" else file.encoding,
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
        yield from _portions(reader, odd, file, wanted, columns, len(header), name, limits)


def _portions(
    reader: pacsv.CSVStreamingReader,
    odd: list[tuple[int, int, str]],
    file: _File,
    wanted: list[str],
    columns: Sequence[str],
    fields: int,
    name: str,
    limits: Limits,
) -> Iterator[Portion]:
    """Number the rows of each batch; the last one is looked at for a quote that never closes."""
    first, rows = 1, 0
    with parsing(name, "CSV"):
        batch = next(reader, None)
    while batch is not None:
        with parsing(name, "CSV"):
            after = next(reader, None)
        # the parser runs ahead: what broke beyond this batch is told with the next
        mine, count = _until(odd, first, len(batch), last=after is None)
        if after is None and file.unclosed and len(batch) and not _closed(batch, mine, first + count - 1, file):
            last = batch.slice(len(batch) - 1).to_pylist()[0]
            mine.append((first + count - 1, UNCLOSED, " ".join(last.values())))
            batch = batch.slice(0, len(batch) - 1)
        if after is None and file.unclosed and mine and mine[-1][0] == first + count - 1 and "\n" in mine[-1][2]:
            mine[-1] = (mine[-1][0], UNCLOSED, mine[-1][2])
        rows += len(batch)
        if rows > limits.rows:
            raise TooLarge(f"has more than {limits.rows:,} rows", where=name, right="split it")
        numbers = _numbers(first, count, mine)
        data = pa.Table.from_batches([batch]).select(wanted)
        data = data.rename_columns(list(columns)) if columns else data.select([])
        rejects = _rejects(mine, fields, cut=not file.ended and after is None)
        yield Portion(first, count, data, None, numbers, partial(arrow_rows, data, None, numbers), rejects)
        del odd[: len(mine)]
        first += count
        batch = after


def _until(odd: list[tuple[int, int, str]], first: int, good: int, *, last: bool) -> tuple[list, int]:
    """Broken rows among the next ones of which so many are good, and how many rows that makes."""
    mine: list[tuple[int, int, str]] = []
    for row in odd:
        if not last and row[0] >= first + good + len(mine):
            break
        mine.append(row)
    return mine, good + len(mine)


def _joined(parts: list[Portion], columns: Sequence[str], file: _File) -> Rows:
    """All rows of a file that is read at once."""
    notes = [] if file.ended else ["its last line has no end; is the file whole?"]
    if not parts:
        return Rows(pd.DataFrame(columns=list(columns), dtype="str"), np.empty(0, np.int64), notes=notes)
    numbers = np.concatenate([part.numbers for part in parts])
    data = pa.concat_tables([part.data for part in parts if part.data is not None])
    rows = arrow_rows(data, None, numbers)
    rows.data = rows.data.astype("str")
    rejects = [part.rejects for part in parts if part.rejects is not None]
    rows.rejects = pd.concat(rejects, ignore_index=True) if rejects else no_rejects()
    rows.notes = notes
    return rows


def _closed(batch: pa.RecordBatch, odd: list[tuple[int, int, str]], final: int, file: _File) -> bool:
    """Whether the last row is sound although the quotes of the file do not pair (an inch sign, say)."""
    if odd and odd[-1][0] == final:
        return True
    last = batch.slice(len(batch) - 1).to_pylist()[0]
    return file.ended and not any("\n" in value for value in last.values())


def _numbers(first: int, count: int, odd: list[tuple[int, int, str]]) -> np.ndarray:
    """Numbers of the rows that were kept, among all rows from ``first`` on."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    return np.delete(numbers, [row - first for row, *_ in odd]) if odd else numbers


def _rejects(odd: list[tuple[int, int, str]], fields: int, *, cut: bool) -> pd.DataFrame | None:
    if not odd:
        return None
    last = odd[-1][0]
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
