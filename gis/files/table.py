"""A file as a table, whatever its format: its columns are known before a row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray

NULLABLE = {
    getattr(pa, f"{u}int{b}")(): getattr(pd, f"{u.upper()}Int{b}Dtype")() for u in ("", "u") for b in (8, 16, 32, 64)
}
"""Whole numbers with gaps stay whole: as floats, codes of 17 digits lose their last."""


@dataclass
class Rows:
    """Rows as they stand in the file.

    Parameters
    ----------
    data
        Wanted columns as the format gives them (text for CSV), index 0..n-1.
    numbers
        Number of each row in the file, from 1 (the header of a CSV is no row), int64 shape (n,).
    geometry
        Shapely geometries in the file's CRS, None where missing or unreadable; None when the format has none.
    unreadable
        True where a geometry is there but cannot be read, shape (n,).
    rejects
        Rows that are no rows (too few or too many fields): frame ``row, column, value, why``.
    notes
        What people should know.
    """

    data: pd.DataFrame
    numbers: NDArray[np.int64]
    geometry: NDArray[np.object_] | None = None
    unreadable: NDArray[np.bool_] | None = None
    rejects: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)

    def at(self, positions: NDArray[np.intp] | None) -> Rows:
        """Some of the rows, without what was found about them."""
        if positions is None:
            return Rows(self.data, self.numbers, self.geometry, self.unreadable)
        geometry = None if self.geometry is None else self.geometry[positions]
        unreadable = None if self.unreadable is None else self.unreadable[positions]
        data = self.data.iloc[positions].reset_index(drop=True)
        return Rows(data, self.numbers[positions], geometry, unreadable)


@dataclass
class Portion:
    """Consecutive rows of a file.

    Parameters
    ----------
    first
        Number in the file of its first row, from 1.
    count
        How many rows of the file it stands for, those that fell apart too.
    data
        The rows that did not, wanted columns as Arrow has them; None where the format gives none.
    wkb
        Their geometry as WKB; None when the format has none, or gives no Arrow.
    numbers
        Their numbers in the file, int64.
    rows
        Those at some positions (None for all) as the ordinary way takes them.
    rejects
        Rows that fell apart, and values that were lost, as `Rows.rejects`.
    """

    first: int
    count: int
    data: pa.Table | None
    wkb: pa.Array | None
    numbers: NDArray[np.int64]
    rows: Callable[[NDArray[np.intp] | None], Rows]
    rejects: pd.DataFrame | None = None


def arrow_rows(
    data: pa.Table, wkb: pa.Array | None, numbers: NDArray[np.int64], at: NDArray[np.intp] | None = None
) -> Rows:
    """Rows out of Arrow columns, those at some positions or all."""
    if at is not None:
        data, numbers = data.take(pa.array(at)), numbers[at]
        wkb = None if wkb is None else wkb.take(pa.array(at))
    frame = data.replace_schema_metadata().to_pandas(ignore_metadata=True, types_mapper=NULLABLE.get)
    rows = Rows(frame if data.num_columns else pd.DataFrame(index=range(len(numbers))), numbers)
    if wkb is not None:
        rows.geometry = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
        rows.unreadable = shapely.is_missing(rows.geometry) & np.asarray(wkb.is_valid(), dtype=bool)
    return rows


def arrow_portion(data: pa.Table, wkb: pa.Array | None, first: int) -> Portion:
    """A portion of rows of which none fell apart."""
    numbers = np.arange(first, first + len(data), dtype=np.int64)

    def rows(at: NDArray[np.intp] | None) -> Rows:
        return arrow_rows(data, wkb, numbers, at)

    return Portion(first, len(data), data, wkb, numbers, rows)


@dataclass
class Table:
    """A file whose head is read.

    Parameters
    ----------
    name
        For messages.
    format
        ``CSV``, ``GeoPackage`` …
    columns
        Names of its attribute columns, in order.
    has_geometry
        Whether it has a geometry of its own (a CSV has columns of numbers or WKT).
    crs
        What the file says of its CRS: None when it says nothing.
    read
        Reads the rows with the columns named, and the geometry when the second argument is true.
    stream
        Reads them a portion of so many rows at a time, in memory that does not grow with the file; None where the
        format cannot.
    count
        How many rows it says that it has; -1 when it does not say.
    notes
        What people should know.
    """

    name: str
    format: str
    columns: list[str]
    has_geometry: bool
    crs: Any
    read: Callable[[Sequence[str], bool], Rows]
    notes: list[str] = field(default_factory=list)
    stream: Callable[..., Iterator[Portion]] | None = None
    count: int = -1

    def portions(
        self, columns: Sequence[str], geometry: bool, size: int, rows: range | None = None
    ) -> Iterator[Portion]:
        """Read the rows ``size`` at a time, in order; where the format cannot, all of them as one portion.

        ``rows`` asks for some of them only, by their numbers from 1: of Parquet, which is streamed.
        """
        if self.stream is not None:
            yield from self.stream(columns, geometry, size, **({} if rows is None else {"rows": rows}))
            return
        whole = self.read(columns, geometry)
        apart = 0 if whole.rejects is None else int((~np.isin(whole.rejects["row"].unique(), whole.numbers)).sum())
        yield Portion(1, len(whole.numbers) + apart, None, None, whole.numbers, whole.at, whole.rejects)
