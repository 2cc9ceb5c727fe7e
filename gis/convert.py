"""Cases as the engine takes them, converted once from the caller's coordinates, texts and times.

Texts are looked up once for each distinct one, whatever carries them: lists, frames, Arrow, dictionaries of Arrow.
A value that is wrong never fails the others: its row goes on without it and its fault is told beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from gis import exact
from gis.model import REASONS, City
from gis.snapshot import ALWAYS, FOREVER, Snapshot, microseconds
from grids.codes import suggest
from grids.errors import InputError

DEFAULT_POINT_MM = 1000
"""A case within a metre of a default point has no location."""
FEW = 32
"""Up to so many texts are looked up one by one, which is faster than to find the distinct ones first."""
MAX_ACCURACY_M = 1e6
"""Position errors beyond are taken as this."""
MOST_MEANT = 20
"""Unknown classes that are told with the nearest known ones, which takes a millisecond and more for each."""
REASON = {name: i for i, name in enumerate(REASONS)}


@dataclass(frozen=True)
class Cases:
    """Cases as the engine takes them, converted once; shape (n,) each.

    ``x``, ``y`` whole millimetres in the city's CRS (0 where there is no location), ``klass`` position of the class
    or -1, ``component`` first version of the named component or -1, ``instant`` microseconds since 1970 UTC,
    ``error`` position error in millimetres, -1 for none known, ``reason`` position in `gis.model.REASONS`. ``faults``
    names, by row, what was wrong with a value that was given: the row is still answered, without that value.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    klass: NDArray[np.int32]
    component: NDArray[np.int64]
    instant: NDArray[np.int64]
    error: NDArray[np.int64]
    reason: NDArray[np.int8]
    faults: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.x)

    @staticmethod
    def read(
        snapshot: Snapshot,
        x: ArrayLike,
        y: ArrayLike,
        classes: Any,
        *,
        crs: Any = None,
        components: Any = None,
        at: Any = None,
        accuracy_m: ArrayLike | None = None,
        channels: Any = None,
        no_location: Any = None,
    ) -> Cases:
        """Convert cases from the caller's coordinates, texts and times.

        Parameters
        ----------
        snapshot
            The city that will answer.
        x, y
            Coordinates, lon/lat order for degrees, shape (n,); NaN or infinite is a missing location.
        classes
            Class texts ``edition:kind+code``, shape (n,): a sequence, a Series or an Arrow array, dictionaries too;
            a bare code takes the city's edition; "" or null is no class.
        crs
            ``EPSG:4326``, ``gcj02`` … (see `gis.crs`); None is the city's own metric CRS.
        components
            Component codes named by the reports, as ``classes``, "" for none.
        at
            Instants, one or shape (n,), UTC unless zoned; NaT is the snapshot's. An array of datetime64 or an Arrow
            array of timestamps costs least.
        accuracy_m
            Position error in metres (the radius that holds 68 % of the true places), one or shape (n,); NaN is none
            known, 0 an exact place.
        channels
            Where the reports come from, as ``classes``: a case without an error takes that of its channel, where the
            city has one (`gis.model.City.accuracy_m`).
        no_location
            Known reasons for having no location, as ``classes``, "" for none.

        Raises
        ------
        InputError
            When lengths differ, the CRS is unknown, an instant lies beyond the years that microseconds count, or an
            error is negative.
        """
        x, y = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (x, y))
        n = len(x)
        labels = distinct(classes)
        told = {"y": len(y), "classes": len(labels.at)}
        named = None if components is None else distinct(components)
        why = None if no_location is None else distinct(no_location)
        told |= {} if named is None else {"components": len(named.at)}
        told |= {} if why is None else {"no_location": len(why.at)}
        through = None if channels is None else distinct(channels)
        told |= {} if through is None else {"channels": len(through.at)}
        for name, count in told.items():
            if count != n:
                raise InputError(f"{count} values for {n} cases", where=name, right="one for each case")
        reason = np.zeros(n, dtype=np.int8)
        if why is not None:
            known = [REASON.get(text, REASON["missing"]) if text is not None else 0 for text in why.words]
            reason[:] = np.array([*known, 0], dtype=np.int8)[why.at]
        reason[(reason == 0) & ~(np.isfinite(x) & np.isfinite(y))] = REASON["missing"]
        x, y = _to_city(snapshot, x, y, crs, reason)
        positions = snapshot.class_index(labels.words)
        klass = np.append(positions, np.int32(-1))[labels.at]
        faults = _class_faults(snapshot, labels, positions)
        here = _instants(at, n, snapshot)
        error = _errors(snapshot.city, n, accuracy_m, through)
        return Cases(x, y, klass, _named(snapshot, named, n), here, error, reason, faults)

    def with_faults(self, more: Mapping[int, str]) -> Cases:
        """The same cases with faults that a door found beside; two of one row are told together."""
        both = dict(self.faults)
        for row, what in more.items():
            both[row] = f"{both[row]}; {what}" if row in both else what
        return replace(self, faults=dict(sorted(both.items())))

    def part(self, rows: slice) -> Cases:
        """The cases of a slice; faults are left behind."""
        return self.take(rows)

    def take(self, rows: slice | NDArray[np.integer]) -> Cases:
        """The cases of some rows; faults are left behind."""
        return Cases(
            self.x[rows],
            self.y[rows],
            self.klass[rows],
            self.component[rows],
            self.instant[rows],
            self.error[rows],
            self.reason[rows],
        )


@dataclass(frozen=True)
class Distinct:
    """Texts, each once: ``words[at[i]]`` is the text of row i; ``at`` is -1 for a row without one, shape (n,)."""

    words: list[Any]
    at: NDArray[np.int32]


def distinct(values: Any) -> Distinct:
    """Tell texts apart, whatever carries them; what is no text counts as none.

    Parameters
    ----------
    values
        Sequence, array, Series, Arrow array or dictionary of texts, shape (n,); a single text is one row. What was
        told apart already is taken as it is.
    """
    if isinstance(values, Distinct):
        return values
    if isinstance(values, str):
        return Distinct([values], np.zeros(1, dtype=np.int32))
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        if len(values) <= FEW:
            words = [text if isinstance(text, str) else None for text in values]
            return Distinct(words, np.arange(len(words), dtype=np.int32))
        if isinstance(getattr(values, "dtype", None), pd.StringDtype):
            values = pa.array(values, pa.large_string(), from_pandas=True)
        else:
            at, found = pd.factorize(np.asarray(values, dtype=object))
            words = [text if isinstance(text, str) else None for text in found.tolist()]
            return Distinct(words, at.astype(np.int32))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    at = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Distinct(values.dictionary.to_pylist(), at.astype(np.int32, copy=False))


def _to_city(
    snapshot: Snapshot, x: NDArray[np.float64], y: NDArray[np.float64], crs: Any, reason: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole millimetres of the city's CRS; writes wrong datums and default points to ``reason``."""
    from gis.crs import is_degrees, to_city

    city = snapshot.city
    if crs is not None:
        if is_degrees(crs):
            west, south, east, north = city.bounds
            inside = (west <= x) & (x <= east) & (south <= y) & (y <= north)
            swapped = (west <= y) & (y <= east) & (south <= x) & (x <= north)
            beyond = (np.abs(x) > 180) | (np.abs(y) > 90)
            points = np.asarray(city.default_points, dtype=float).reshape(-1, 2)
            for lon, lat in points:
                near = (np.abs(x - lon) < 1e-5) & (np.abs(y - lat) < 1e-5)
                reason[near & (reason == 0)] = REASON["default_point"]
            reason[(reason == 0) & (beyond | (swapped & ~inside))] = REASON["wrong_datum"]
        fine = reason == 0
        x, y = (np.where(fine, v, np.nan) for v in (x, y))
        x, y = to_city(x, y, crs, city.srid, bounds=city.bounds)
    # what the city's projection cannot hold, or is farther than the Earth is round, is beyond any city
    far = ~(np.isfinite(x) & np.isfinite(y)) | (np.abs(x) > 1e8) | (np.abs(y) > 1e8)
    mm_x, mm_y = (exact.millimetres(np.where((reason > 0) | far, 1e9, v)) for v in (x, y))
    for px, py in snapshot.default_points_mm:
        near = (np.abs(mm_x - px) <= DEFAULT_POINT_MM) & (np.abs(mm_y - py) <= DEFAULT_POINT_MM)
        near[near] = (mm_x[near] - px) ** 2 + (mm_y[near] - py) ** 2 <= DEFAULT_POINT_MM**2
        reason[near & (reason == 0)] = REASON["default_point"]
    return mm_x, mm_y


def _errors(city: City, n: int, accuracy_m: ArrayLike | None, channels: Distinct | None) -> NDArray[np.int64]:
    """Whole millimetres, -1 for none known; what a case does not tell its channel does."""
    of_channel = np.full(1, -1, dtype=np.int64)
    if channels is not None and city.accuracy_m:
        known = dict(city.accuracy_m)
        metres = [known.get(word, -1.0) if word else -1.0 for word in channels.words]
        of_channel = np.append(np.where(np.array(metres) < 0, -1, exact.millimetres(np.maximum(metres, 0))), -1)
        unknown = of_channel[channels.at]
    else:
        unknown = np.broadcast_to(of_channel, n)
    if accuracy_m is None:
        return np.ascontiguousarray(unknown)
    error = np.broadcast_to(np.asarray(accuracy_m, dtype=float), n)
    if (wrong := error < 0).any():
        i = int(np.argmax(wrong))
        raise InputError(f"{error[i]:g} m in row {i}", where="accuracy_m", right="metres, 0 or more")
    there = ~np.isnan(error)
    return np.where(there, exact.millimetres(np.clip(np.where(there, error, 0.0), 0, MAX_ACCURACY_M)), unknown)


def _class_faults(snapshot: Snapshot, labels: Distinct, positions: NDArray[np.int32]) -> dict[int, str]:
    lost = [k for k in np.flatnonzero(positions < 0).tolist() if labels.words[k]]
    if not lost:
        return {}
    told: dict[str, str] = {}  # few rows are not told apart
    for text in (labels.words[k] for k in lost):
        if text not in told:
            told[text] = unknown_class(snapshot, text, meant=len(told) < MOST_MEANT)
    said = np.full(len(labels.words) + 1, None, dtype=object)
    said[lost] = [told[labels.words[k]] for k in lost]
    wrong = np.zeros(len(said), dtype=bool)
    wrong[lost] = True
    rows = np.flatnonzero(wrong[labels.at])
    return dict(zip(rows.tolist(), said[labels.at[rows]].tolist(), strict=True))


def unknown_class(snapshot: Snapshot, text: str, *, meant: bool = True) -> str:
    """That a class is unknown, with the nearest known ones if they are to be looked for."""
    near = suggest(text, list(snapshot.codes("classes.text")[:-1])) if meant else []
    return f"class {text!r} is unknown" + (f"; did you mean {', '.join(near)}?" if near else "")


def _instants(at: Any, n: int, snapshot: Snapshot) -> NDArray[np.int64]:
    if at is None or isinstance(at, pd.Timestamp):
        stamp = snapshot.at if at is None or at is pd.NaT else at
        stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp
        return np.full(n, stamp.as_unit("us")._value, dtype=np.int64)
    default = snapshot.at.as_unit("us")._value
    if isinstance(at, (pa.Array, pa.ChunkedArray)):
        at = _stamps(at)
    if isinstance(at, np.ndarray) and at.dtype.kind == "M" and at.ndim == 1:
        stamps = at.astype("datetime64[us]")
        if np.datetime_data(at.dtype)[0] != "ns" and (stamps.astype(at.dtype) != at)[~np.isnat(at)].any():
            raise InputError("an instant that microseconds cannot count", where="at", right="years 1900 to 2200")
        return np.where(np.isnat(stamps), default, stamps.view(np.int64))
    return np.ascontiguousarray(np.broadcast_to(microseconds([at] if np.ndim(at) == 0 else at, default), n))


def _stamps(at: pa.Array | pa.ChunkedArray) -> NDArray[np.datetime64]:
    """Arrow timestamps as datetime64[us], UTC."""
    try:
        return np.asarray(at.cast(pa.timestamp("us", at.type.tz)).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid as error:
        what = f"an instant that microseconds cannot count ({str(error).splitlines()[0]})"
        raise InputError(what, where="at", right="years 1900 to 2200") from None


def _named(snapshot: Snapshot, components: Distinct | None, n: int) -> NDArray[np.int64]:
    known = snapshot.arrays["components.code"]
    if components is None or not len(known):
        return np.full(n, -1, dtype=np.int64)
    place = np.full(len(components.words) + 1, -1, dtype=np.int64)
    texts = [(k, word.encode("utf-8", "replace")) for k, word in enumerate(components.words) if word]
    # what is longer than any code is none; texts of another width would have all codes converted
    if there := [(k, text) for k, text in texts if len(text) <= known.dtype.itemsize]:
        wanted = np.array([text for _, text in there], dtype=known.dtype)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        place[[k for k, _ in there]] = np.where(known[at] == wanted, at, -1)
    return place[components.at]


__all__ = ["ALWAYS", "FOREVER", "REASON", "Cases", "Distinct", "distinct"]
