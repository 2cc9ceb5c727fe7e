"""A made layer of units: a lattice of bent blocks on the millimetre grid, six by six to a community."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from grids.serials import number

CRS = 4546
ORIGIN = (500_000.0, 3_900_000.0)


def lattice(n: int = 18, *, block: int = 6, seed: int = 1, bend: float = 4.0) -> gpd.GeoDataFrame:
    """n x n units of about 10,000 m² that form a valid coverage, coded by the rules."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n + 1) * 100.0
    node = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1) + rng.uniform(-15, 15, (n + 1, n + 1, 2))
    share = (np.arange(1, 4) / 4)[None, None, :, None]

    def between(a, b):
        inner = a[:, :, None] * (1 - share) + b[:, :, None] * share
        return inner + rng.uniform(-bend, bend, inner.shape)

    east, north = between(node[:-1], node[1:]), between(node[:, :-1], node[:, 1:])
    corner = node[:, :, None]
    ring = [
        corner[:-1, :-1], east[:, :-1], corner[1:, :-1], north[1:],
        corner[1:, 1:], east[:, 1:, ::-1], corner[:-1, 1:], north[:-1, :, ::-1], corner[:-1, :-1],
    ]  # fmt: skip
    shapes = shapely.polygons(np.round(np.concatenate(ring, axis=2) + ORIGIN, 3).reshape(n * n, -1, 2))
    column, row = np.divmod(np.arange(n * n), n)
    across = -(-n // block)
    area = column // block * across + row // block
    names = np.array([f"140802{k // 999 + 1:03d}{k % 999 + 1:03d}" for k in range(across**2)], object)[area]
    codes = number(shapes, names)
    return gpd.GeoDataFrame(
        {"code": pd.array(codes, "str"), "community": pd.array(names, "str")}, geometry=shapes, crs=CRS
    )


def communities(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The communities that the units fill."""
    shapes = units.geometry.to_numpy()
    members = units.groupby("community").indices
    whole = [shapely.coverage_union_all(shapes[at]) for at in members.values()]
    return gpd.GeoDataFrame({"code": pd.array(list(members), "str")}, geometry=whole, crs=units.crs)
