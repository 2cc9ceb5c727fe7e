"""A file as a table, whatever its format: its columns are known before a row is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


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
