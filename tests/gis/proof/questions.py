"""Random questions about a city that spare nothing: seams, corners, edges, components, other instants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import shapely

from gis.convert import Cases
from gis.crs import to_lonlat
from gis.snapshot import Snapshot

DAYS = ("2025-06-01", "2026-02-01", "2026-06-30T15:59:59.999999", "2026-07-01", "2026-12-01")


def places(snapshot: Snapshot, frames: dict[str, Any], n: int, rng: np.random.Generator) -> np.ndarray:
    """Whole millimetres, shape (n, 2): a third anywhere, a third on or by a vertex, the rest on edges or by things."""
    shapes = [np.asarray(frames[k].geometry) for k in ("units", "areas", "zones") if len(frames[k])]
    corners = np.vstack([shapely.get_coordinates(s) for s in shapes])
    low, high = corners.min(axis=0) - 300, corners.max(axis=0) + 300
    kind = rng.integers(0, 6, n)
    xy = rng.uniform(low, high, (n, 2))
    at = rng.integers(0, len(corners) - 1, n)
    xy = np.where((kind == 1)[:, None], corners[at], xy)
    xy = np.where((kind == 2)[:, None], corners[at] + rng.integers(-1, 2, (n, 2)) / 1000, xy)
    xy = np.where((kind == 3)[:, None], (corners[at] + corners[at + 1]) / 2, xy)
    things = snapshot.arrays["components.place"] / 1000
    near = things[rng.integers(0, len(things), n)] + rng.normal(0, 8, (n, 2))
    return np.rint(np.where((kind >= 4)[:, None], near, xy) * 1000).astype(np.int64)


def asked(snapshot: Snapshot, frames: dict[str, Any], n: int, seed: int) -> pd.DataFrame:
    """Questions, shape (n,): x, y (millimetres), class, component, accuracy_m (NaN for none), at."""
    rng = np.random.default_rng(seed)
    place = places(snapshot, frames, n, rng)
    classes = snapshot.codes("classes.text")[:-1]
    held = np.unique(snapshot.arrays["components.class"])
    klass = np.where(rng.random(n) < 0.4, classes[rng.choice(held, n)], rng.choice(classes, n))
    klass = np.where(rng.random(n) < 0.05, "", klass)
    codes = np.append(snapshot.codes("components.code")[:-1], ["nonesuch", "14080201"])
    return pd.DataFrame(
        {
            "x": place[:, 0],
            "y": place[:, 1],
            "class": klass,
            "component": np.where(rng.random(n) < 0.1, rng.choice(codes, n), ""),
            "accuracy_m": rng.choice([math.nan, 0.0, 4.5, 30.0], n, p=[0.7, 0.1, 0.1, 0.1]),
            "at": pd.to_datetime(rng.choice(DAYS, n), format="ISO8601", utc=True).astype("datetime64[us, UTC]"),
        }
    )


def cases(snapshot: Snapshot, frame: pd.DataFrame) -> Cases:
    """The engine's cases of questions in metres of the city."""
    return Cases.read(
        snapshot,
        frame["x"] / 1000,
        frame["y"] / 1000,
        frame["class"],
        components=frame["component"],
        at=frame["at"],
        accuracy_m=frame["accuracy_m"],
    )


def in_degrees(snapshot: Snapshot, frame: pd.DataFrame) -> pd.DataFrame:
    """The same with lon and lat."""
    lon, lat = to_lonlat(frame["x"] / 1000, frame["y"] / 1000, snapshot.city.srid)
    return frame.assign(lon=lon, lat=lat)
