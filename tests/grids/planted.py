"""A layer with faults of every class planted in it, and what was planted: made for the tests and the bench."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from tests.grids.lattice import communities, lattice

BLOCK = 6
"""Units on the side of a community."""


@dataclass
class Planted:
    """A layer with its communities, barriers and areas above, and the truth.

    ``truth`` has a row for each planted fault: ``kind``, ``unit`` and ``other`` (codes, "" none) and ``area_m2`` (NaN
    where it has none), as the certificate is to tell them.
    """

    units: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    levels: dict[str, gpd.GeoDataFrame]
    truth: pd.DataFrame = field(default_factory=pd.DataFrame)


def plant(side: int, *, seed: int = 1) -> Planted:
    """Plant one fault in the middle of each community of a lattice, the classes in turn.

    Parameters
    ----------
    side
        Units on the side of the city, a multiple of `BLOCK`.
    """
    units, rng = lattice(side, seed=seed), np.random.default_rng(seed)
    areas = communities(units)
    shapes, code = units.geometry.to_numpy().copy(), units["code"].to_numpy(object).copy()
    across = side // BLOCK
    rows: list[tuple[str, str, str, float]] = []
    lines, gone = [], np.zeros(side * side, bool)

    def told(kind: str, unit: str = "", other: str = "", area: float = np.nan) -> None:
        rows.append((kind, unit, other, area))

    for k in range(across * across):
        a, b = divmod(k, across)
        i = (a * BLOCK + 2) * side + b * BLOCK + 2  # a unit inside its community, with units of it all round
        x, y = shapely.get_coordinates(shapely.centroid(shapes[i]))[0]
        r = float(np.round(rng.uniform(0.4, 9), 3))
        kind = CLASSES[k % len(CLASSES)]
        if kind == "invalid":
            shapes[i] = shapely.Polygon([(x - 9, y - 9), (x + 9, y + 9), (x + 9, y - 9), (x - 9, y + 9)])
            told(kind, code[i])
        elif kind in ("gap", "parts"):
            tool = shapely.box(x - r, y - r, x + r, y + r)
            if kind == "parts":
                tool = shapely.box(x - 300, y - r / 9, x + 300, y + r / 9)
                told(kind, code[i])
            after = _rounded(shapely.difference(shapes[i], tool))
            told("gap", "", areas["code"][k], float(shapely.area(shapely.difference(shapes[i], after))))
            shapes[i] = after
        elif kind == "overlap":
            shapes[i] = _rounded(shapely.buffer(shapes[i], r, join_style="mitre"))
            near = [n for n in shapely.STRtree(shapes).query(shapes[i], predicate="intersects").tolist() if n != i]
            for n in near:
                area = float(shapely.area(shapely.intersection(shapes[i], shapes[n])))
                if area > 0.01:
                    told(kind, *sorted((code[i], code[n])), area)
        elif kind == "over_community" and a + 1 < across:
            i = (a * BLOCK + 5) * side + b * BLOCK + 2  # on the eastern border; the neighbour beyond gives way
            piece = shapely.intersection(shapely.buffer(shapes[i], r, join_style="mitre"), shapes[i + side])
            grown = _rounded(shapely.union(shapes[i], piece))
            shapes[i + side] = _rounded(shapely.difference(shapes[i + side], grown))
            home = areas.geometry[k]
            told(kind, code[i], areas["code"][k + across], float(shapely.area(shapely.difference(grown, home))))
            shapes[i] = grown
        elif kind == "difference":
            mine = np.flatnonzero((units["community"] == areas["code"][k]).to_numpy())
            strip = shapely.buffer(shapely.boundary(areas.geometry[k]), 0.002)
            before = shapely.area(shapes[mine]).sum()
            shapes[mine] = _rounded(shapely.difference(shapes[mine], strip))
            told(kind, "", areas["code"][k], float(before - shapely.area(shapes[mine]).sum()))
        elif kind == "node":
            ring = shapely.get_coordinates(shapes[i])[:-1]
            middle = np.round(ring[:2].mean(axis=0), 3)
            near = shapely.STRtree(shapes).query(shapely.Point(middle), predicate="dwithin", distance=0.002)
            shapes[i] = shapely.Polygon(np.insert(ring, 1, middle, axis=0))
            told(kind, code[next(n for n in near.tolist() if n != i)])  # it is the neighbour that lacks it
        elif kind == "code":
            code[i] = f"{code[i][:12]}9O{k % 10}"
            told(kind, code[i])
        elif kind == "order":
            j = i + 2 * side
            code[i], code[j] = code[j], code[i]
            told(kind, *sorted((code[i], code[j])))
        elif kind == "area_band":
            gone[[i + 1, i + 2]] = True
            shapes[i] = shapely.union_all(shapes[[i, i + 1, i + 2]])
            told(kind, code[i], "", float(shapely.area(shapes[i])))
        elif kind == "barrier":
            line = shapely.line_merge(shapely.intersection(shapes[i], shapes[i + 1]))
            half = float(min(shapely.area(shapes[[i, i + 1]])))
            shapes[i], gone[i + 1] = shapely.union(shapes[i], shapes[i + 1]), True
            lines.append(line)
            told(kind, code[i], "", half)
            told("area_band", code[i], "", float(shapely.area(shapes[i])))
    kept = ~gone
    frame = gpd.GeoDataFrame({"code": code[kept]}, geometry=shapes[kept], crs=units.crs)
    barriers = gpd.GeoDataFrame({"rank": [3] * len(lines)}, geometry=lines, crs=units.crs)
    street = areas.assign(code=areas["code"].str.slice(0, 9)).dissolve("code").reset_index()[["code", "geometry"]]
    truth = pd.DataFrame(rows, columns=["kind", "unit", "other", "area_m2"])
    band = truth["kind"] == "area_band"
    truth = truth[~(band & (truth["area_m2"] <= 20_000))].reset_index(drop=True)
    return Planted(frame, areas, barriers, {"street": street}, truth)


CLASSES = (
    "gap", "overlap", "over_community", "difference", "node", "code", "order", "invalid", "parts", "area_band",
    "barrier",
)  # fmt: skip


def _rounded(shapes: NDArray | shapely.Geometry) -> NDArray | shapely.Geometry:
    return shapely.transform(shapes, lambda xy: np.round(xy, 3))
