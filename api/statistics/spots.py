"""Hotspots as planners know them: cells that stand out and touch are one, with an id, a rank and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse

from api.statistics.gathered import Gathering
from gis import hotspots
from gis.crs import to_city, to_lonlat
from grids.errors import InputError, NotFound
from grids.nearmiss import suggest

if TYPE_CHECKING:
    import geopandas as gpd

METHODS = ("gi", "moran", "clusters", "trend", "compare", "scan")
"""Methods whose answer has hotspots: density and rates are told everywhere, Knox nowhere."""
COLD = " cold"


def join_spots(answer: Gathering, srid: int) -> Gathering:
    """One row a hotspot: cells that stand out alike and touch, joined; clusters and scans as they are.

    Parameters
    ----------
    answer
        All cells by a method of `METHODS`, not the hot ones alone: what is expected is told from all.
    srid
        The city's CRS.

    Returns
    -------
    Gathering
        The strongest first (largest z, ratio, or count; ties to the lower id). ``id`` is the code of the strongest cell
        (squares: its corner in metres; clusters: theirs; scans: their number), ``codes`` those of its cells,
        ``expected`` the cells' share by exposure where there is one, else by their ground;
        ``z``, ``p``, ``q`` those of the strongest cell; ``lon``, ``lat`` a place within it. Geometry in the city's CRS.

    Raises
    ------
    InputError
        A method without hotspots.
    """
    method = answer.parameters["method"]
    if method not in METHODS:
        raise InputError(f"{method} has no hotspots", where="joined", right="take " + ", ".join(METHODS))
    frame = _in_metres(answer.frame, srid)
    own = method in ("clusters", "scan")
    out = _as_they_are(frame, method) if own else _joined(frame, method, answer.parameters, answer.near)
    out.insert(1, "rank", np.arange(1, len(out) + 1))
    facts = answer.facts | {"hotspots": len(out), "in_hotspots": int(out["cases"].sum()) if len(out) else 0}
    return Gathering(out, answer.parameters | {"joined": True}, facts)


def find_spot(spots: Gathering, spot: str) -> pd.Series:
    """The hotspot of an id.

    Raises
    ------
    NotFound
        There is none; the nearest id is told.
    """
    known = spots.frame["id"].astype(str) if len(spots.frame) else pd.Series([], dtype=str)
    at = np.flatnonzero(known.to_numpy() == spot)
    if not len(at):
        near = suggest(spot[:60], known.tolist(), n=1)
        right = f"did you mean {near[0]}?" if near else "its id depends on the filter: ask /v1/hotspots?joined=1"
        raise NotFound(f"no hotspot {spot[:60]!r} under this filter", where="spot", right=right)
    return spots.frame.iloc[int(at[0])]


def _in_metres(frame: gpd.GeoDataFrame, srid: int) -> gpd.GeoDataFrame:
    if not frame.crs.is_geographic:
        return frame
    shapes = shapely.transform(
        frame.geometry.to_numpy(), lambda xy: np.column_stack(to_city(xy[:, 0], xy[:, 1], "EPSG:4326", srid))
    )
    return frame.set_geometry(shapes, crs=srid)


def _as_they_are(frame: gpd.GeoDataFrame, method: str) -> gpd.GeoDataFrame:
    """Clusters by their cases; clusters of a scan that are significant, in their order."""
    if method == "scan":
        frame = frame[frame["hot"].to_numpy(dtype=bool)] if len(frame) else frame
        ids = frame["cluster"].astype(str).to_numpy(dtype=object) if len(frame) else np.empty(0, dtype=object)
        frame = frame.drop(columns=[c for c in ("cluster", "hot") if c in frame])
    else:
        ids = frame["id"].to_numpy(dtype=object)
        order = np.lexsort((ids.astype(str), -frame["cases"].to_numpy()))
        frame, ids = frame.iloc[order].drop(columns="id"), ids[order]
        frame = frame.drop(columns="area_ha")
    frame = frame.reset_index(drop=True)
    columns: dict[str, Any] = {name: frame[name] for name in frame.columns if name != "geometry"}
    if "cases" not in columns:
        columns["cases"] = np.empty(0, dtype=np.int64)
    columns["codes"] = pd.Series([[] for _ in range(len(frame))], dtype=object)
    return _framed({"id": ids, **columns}, frame.geometry.to_numpy(), frame.crs)


def _joined(frame: gpd.GeoDataFrame, method: str, parameters: dict[str, Any], near: Any) -> gpd.GeoDataFrame:
    kind = _kinds(frame, method)
    at = np.flatnonzero(kind != "")
    shapes = frame.geometry.to_numpy()[at]
    ids = _ids(frame.iloc[at])
    strength = _strength(frame, method)[at]
    label = _labels(hotspots.contact(shapes) if near is None else near[at][:, at], kind[at])
    count = int(label.max()) + 1 if len(label) else 0
    order = np.lexsort((ids.astype(str), -strength, label))  # of each hotspot the strongest cell first
    first = order[np.searchsorted(label[order], np.arange(count))] if count else np.empty(0, dtype=np.int64)
    cases = frame["cases"].to_numpy(dtype=np.int64)
    own = at[first]
    sums = np.bincount(label, weights=cases[at], minlength=count)
    columns: dict[str, Any] = {"id": ids[first], "cases": sums.astype(np.int64), "cells": np.bincount(label)}
    if method == "compare":
        before: NDArray[Any] = np.bincount(label, weights=frame["before"].to_numpy(dtype=float)[at], minlength=count)
        expected: NDArray[Any] = before * float(parameters.get("weight", np.nan))
        columns |= {"before": before.astype(np.int64), "change": kind[at][first]}
    elif "expected" in frame:
        expected = np.bincount(label, weights=frame["expected"].to_numpy(dtype=float)[at], minlength=count)
    elif "hectares" in frame:
        ground = frame["hectares"].to_numpy(dtype=float)
        expected = np.bincount(label, weights=ground[at], minlength=count) * (cases.sum() / ground.sum())
    else:
        expected = np.asarray(columns["cells"], dtype=float) * (cases.sum() / max(len(frame), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(expected > 0, sums / expected, np.nan)
    columns |= {"expected": expected.round(2), "ratio": ratio.round(3)}
    for name in ("z", "p", "q", "rise", "rise_p", "bins_hot"):
        if name in frame and (name != "p" or method != "trend"):
            columns[name] = frame[name].to_numpy()[own]
    if method == "trend":
        columns["pattern"] = kind[at][first]
    if "stable" in frame:
        weight = frame["stable"].to_numpy(dtype=float)[at] * cases[at]
        columns["stable"] = (np.bincount(label, weights=weight, minlength=count) / np.maximum(sums, 1)).round(4)
    parts = np.split(order, np.searchsorted(label[order], np.arange(1, count))) if count else []
    codes = frame["code"].to_numpy(dtype=object) if "code" in frame else None
    columns["codes"] = pd.Series([codes[at[p]].tolist() if codes is not None else [] for p in parts], dtype=object)
    whole = np.array([_together(shapes[p]) for p in parts], dtype=object)
    ranked = np.lexsort((np.asarray(columns["id"]).astype(str), -strength[first]))
    out = {k: pd.Series(v).iloc[ranked].reset_index(drop=True) for k, v in columns.items()}
    peaks = shapely.point_on_surface(shapes[first]) if count else np.empty(0, dtype=object)
    return _framed(out, whole[ranked] if count else whole, frame.crs, peaks=peaks[ranked] if count else peaks)


def _together(shapes: NDArray[np.object_]) -> shapely.Geometry:
    """Their union; where cells share their edges exactly these are struck out first, at a twentieth of the cost."""
    whole = shapely.coverage_union_all(shapes)
    same = abs(shapely.area(whole) - shapely.area(shapes).sum()) <= 0.001 * len(shapes)
    parts = shapely.get_parts(whole) if same and shapely.is_valid(whole) else shapes
    return parts[0] if len(parts) == 1 else shapely.union_all(parts, grid_size=0.001)


def _kinds(frame: gpd.GeoDataFrame, method: str) -> NDArray[np.object_]:
    """What each cell stands out as; "" where it does not."""
    if not len(frame):
        return np.empty(0, dtype=object)
    hot = frame["hot"].to_numpy(dtype=bool)
    if method == "trend" and "pattern" in frame:
        names = frame["pattern"].astype(str)
        return np.where((names == "none") | names.str.endswith(COLD), "", names.str.replace(" hot", "")).astype(object)
    if method == "compare":
        less = np.where(frame["less"].to_numpy(dtype=bool), "less", "")
        return np.where(hot, "more", less).astype(object)
    return np.where(hot, "hot", "").astype(object)


def _strength(frame: gpd.GeoDataFrame, method: str) -> NDArray[np.float64]:
    """What a hotspot is ranked by: z, or by how much more there is than before."""
    if method == "compare":
        rate = frame["cases"].to_numpy(dtype=float) - frame["before"].to_numpy(dtype=float)
        return np.nan_to_num(np.abs(rate))
    return np.nan_to_num(frame["z"].to_numpy(dtype=float), posinf=1e9) if "z" in frame else np.zeros(len(frame))


def _ids(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Codes of the cells; of squares their lower left corners in metres. A stroke would end an address."""
    if "code" in frame:
        return np.array([str(c).replace("/", "_") for c in frame["code"]], dtype=object)
    low = shapely.bounds(frame.geometry.to_numpy())
    return np.array([f"{x:.0f}_{y:.0f}" for x, y in low[:, :2].tolist()], dtype=object)


def _labels(near: Any, kind: NDArray[np.object_]) -> NDArray[np.int64]:
    """Number of the hotspot of each cell: cells of one kind that touch are of one."""
    if not len(kind):
        return np.empty(0, dtype=np.int64)
    near = near.tocoo()
    same = kind[near.row] == kind[near.col]
    links = sparse.coo_array((near.data[same], (near.row[same], near.col[same])), shape=near.shape)
    return sparse.csgraph.connected_components(links.tocsr(), directed=False)[1].astype(np.int64)


def _framed(
    columns: dict[str, Any], shapes: NDArray[np.object_], crs: Any, *, peaks: NDArray[np.object_] | None = None
) -> gpd.GeoDataFrame:
    import geopandas as gpd

    middle = shapely.point_on_surface(shapes) if peaks is None else peaks
    if len(shapes):
        lon, lat = to_lonlat(shapely.get_x(middle), shapely.get_y(middle), crs.to_epsg())
    else:
        lon = lat = np.empty(0)
    ordered = {name: value for name, value in columns.items() if name != "codes"}
    ordered |= {"area_ha": (shapely.area(shapes) / 10_000.0).round(3)}
    ordered |= {"lon": np.round(lon, 7), "lat": np.round(lat, 7), "codes": columns["codes"]}
    return gpd.GeoDataFrame(ordered, geometry=shapes, crs=crs)
