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


def asked(
    snapshot: Snapshot, frames: dict[str, Any], n: int, seed: int, *, accuracy: tuple[float, ...] = (1.0, 0.0, 0.0)
) -> pd.DataFrame:
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
            "accuracy_m": rng.choice([math.nan, 4.5, 30.0], n, p=accuracy),
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


def every_rule(frames: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same city with zones that say only and never, have a duty or are joint, rules that ask for one or for the
    locality first, and departments that begin, end, and are stood for.
    """
    rng = np.random.default_rng(seed)
    departments, zones, rules = (frames[k].copy() for k in ("departments", "zones", "rules"))
    codes = departments["code"].to_numpy(dtype=object)
    day = pd.Timestamp("2026-06-30T16:00", tz="UTC")
    some = rng.permutation(len(codes))
    gone, late = some[: len(codes) // 4], some[len(codes) // 4 : len(codes) // 3]
    departments.iloc[gone, departments.columns.get_loc("valid_to")] = day
    departments.iloc[late, departments.columns.get_loc("valid_from")] = day
    top = [code for code, parent in zip(codes, departments["parent"], strict=True) if not parent]
    parents = np.where(np.isin(codes, top[:1]) | (rng.random(len(codes)) < 0.3), "", top[0])
    departments["parent"] = np.where(departments["parent"] == "", parents, departments["parent"])
    n = len(zones)
    zones["effect"] = rng.choice(["", "gives", "never"], n, p=[0.4, 0.3, 0.3])
    only = rng.random(n) < 0.15
    zones.loc[only, "effect"] = "only"
    zones.loc[only, "department"] = codes[some[-1]]  # of one department, they may meet
    zones["duty"] = rng.choice(["", "owning", "maintaining", "disposing"], n, p=[0.5, 0.2, 0.15, 0.15])
    zones["joint"] = [" ".join(rng.choice(codes, rng.integers(0, 3), replace=False)) for _ in range(n)]
    rules["duty"] = rng.choice(["", "supervising", "owning", "disposing"], len(rules))
    rules["first"] = rng.choice(["", "owner", "locality"], len(rules))
    more = rules.iloc[[0, 0]].assign(
        **{"class": ["2026:C", "2026:E"], "first": ["locality", "owner"], "duty": "owning"}
    )
    rules = pd.concat([rules[~rules["class"].isin(["2026:C", "2026:E"])], more], ignore_index=True)
    return {**frames, "departments": departments, "zones": zones, "rules": rules}
