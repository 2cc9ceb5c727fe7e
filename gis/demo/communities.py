"""Communities, streets and district: territories grown over blocks until each has its share of the city."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.demo.blocks import centroids
from gis.demo.departments import seat
from gis.demo.plan import SRID, Plan, table
from gis.demo.streets import Network
from grids.polygons import borders

DISTRICT, DISTRICT_NAME = "140802", "盐湖区"
PATROLS = ("中", "东", "西", "南", "北")


@dataclass(frozen=True)
class Territory:
    """Who lives where.

    Attributes
    ----------
    community
        Position in the communities (sorted by code) of each block.
    communities
        Frame of the communities: code, name, street, patrol, geometry.
    """

    community: np.ndarray
    communities: gpd.GeoDataFrame


def make_territory(plan: Plan, net: Network) -> Territory:
    """Grow streets over the blocks, communities in the streets, patrol areas over the communities."""
    rng = plan.stream("communities")
    streets, names = table("streets"), table("communities")
    street_of = names["code"].str[:9].to_numpy(object)
    blocks = net.blocks
    area, centre = shapely.area(blocks), centroids(blocks)
    pairs = borders(blocks)
    count = np.array([(street_of == code).sum() for code in streets["code"]])
    if plan.scale < 1:
        count = np.clip(np.rint(count * plan.scale**0.6), 1, count).astype(int)
    anchor = streets[["east", "north"]].astype(float).to_numpy() * plan.radius
    middle = (centre * area[:, None]).sum(axis=0) / area.sum()
    anchor = (
        anchor
        - (anchor * (streets["weight"].astype(float).to_numpy() * count)[:, None]).sum(axis=0)
        / (streets["weight"].astype(float).to_numpy() * count).sum()
    )
    weight = streets["weight"].astype(float).to_numpy() * count
    street = _grown(centre, area, pairs, middle + anchor, weight, net.superblock)

    community = np.full(len(blocks), -1)
    rows: list[dict] = []
    for i, code in enumerate(streets["code"]):
        mine = np.flatnonzero(street == i)
        k = min(int(count[i]), len(mine))
        seeds = _spread(centre[mine], area[mine], k, rng)
        part = _grown(centre[mine], area[mine], _within(pairs, mine), seeds, np.ones(k), net.superblock[mine])
        listed = names[street_of == code].head(k)
        community[mine] = len(rows) + part
        rows += [{"code": c, "name": n, "street": code} for c, n in zip(listed["code"], listed["name"], strict=True)]
    frame = pd.DataFrame(rows)
    shapes = np.array([shapely.coverage_union_all(blocks[community == i]) for i in range(len(frame))])
    order = np.argsort(frame["code"].to_numpy(str), kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    frame = frame.iloc[order].reset_index(drop=True)
    communities = gpd.GeoDataFrame(frame, geometry=shapes[order], crs=SRID)
    communities["patrol"] = _patrols(communities)
    return Territory(place[community], communities)


def _grown(centre, area, pairs, seeds: np.ndarray, weight: np.ndarray, superblock: np.ndarray) -> np.ndarray:
    """Regions of blocks around seeds with areas near their weights: the emptiest region takes its nearest block.

    A block across a main road counts as a third of a region's width farther off. Regions are connected as far as the
    blocks are. Ties go to the lower position.
    """
    near: list[list[int]] = [[] for _ in centre]
    for a, b in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
        near[a].append(b)
        near[b].append(a)
    goal = weight / weight.sum() * area.sum()
    across = np.sqrt(goal) / 3
    region = np.full(len(centre), -1)
    total = np.zeros(len(seeds))
    edge: list[list[tuple[float, int]]] = [[] for _ in seeds]

    def take(i: int, block: int) -> None:
        region[block] = i
        total[i] += area[block]
        for other in near[block]:
            if region[other] < 0:
                far = np.hypot(*(centre[other] - seeds[i])) + across[i] * (superblock[other] != superblock[block])
                heapq.heappush(edge[i], (round(float(far), 3), other))

    for i, seed in enumerate(seeds):
        free = np.flatnonzero(region < 0)
        take(i, int(free[np.argmin(np.round(np.hypot(*(centre[free] - seed).T), 3))]))
    while (region < 0).any():
        moved = False
        for i in np.argsort(total / goal, kind="stable"):
            while edge[i] and region[edge[i][0][1]] >= 0:
                heapq.heappop(edge[i])
            if edge[i]:
                take(int(i), heapq.heappop(edge[i])[1])
                moved = True
                break
        if not moved:  # an island of blocks: the nearest region reaches over
            block = int(np.flatnonzero(region < 0)[0])
            take(int(np.argmin(np.round(np.hypot(*(seeds - centre[block]).T), 3))), block)
    return region


def _spread(centre: np.ndarray, area: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """``k`` seeds spread evenly over blocks: k-means with a few rounds."""
    seeds = centre[rng.choice(len(centre), k, replace=False)]
    for _ in range(12):
        gap = np.round(np.hypot(centre[:, None, 0] - seeds[None, :, 0], centre[:, None, 1] - seeds[None, :, 1]), 3)
        mine = gap.argmin(axis=1)
        mass = np.bincount(mine, area, k)
        for axis in (0, 1):
            moved = np.bincount(mine, area * centre[:, axis], k)
            seeds[:, axis] = np.where(mass > 0, moved / np.where(mass > 0, mass, 1), seeds[:, axis])
    return seeds


def _within(pairs, mine: np.ndarray):
    """Pairs among the blocks ``mine``, renumbered."""
    a, b, length = pairs
    number = np.full(max(mine.max(initial=0), a.max(initial=0), b.max(initial=0)) + 1, -1)
    number[mine] = np.arange(len(mine))
    both = (number[a] >= 0) & (number[b] >= 0)
    return number[a][both], number[b][both], length[both]


def _patrols(communities: gpd.GeoDataFrame) -> np.ndarray:
    """Code of the patrol area of each community: the middle of the city and four sides."""
    shapes = communities.geometry.to_numpy()
    centre, area = centroids(shapes), shapely.area(shapes)
    middle = (centre * area[:, None]).sum(axis=0) / area.sum()
    r = np.sqrt(area.sum() / np.pi)
    seeds = middle + np.array([[0, -0.1], [0.95, 0.0], [-0.95, 0.05], [0.05, -0.75], [0.1, 0.75]]) * r
    region = _grown(centre, area, borders(shapes), seeds, np.ones(5), np.zeros(len(area), int))
    return np.array([f"P{i + 1}" for i in range(5)], object)[region]


def make_areas(territory: Territory, units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The layer ``areas``: district, street, patrol, community, put together from the units that they hold.

    So the levels share every vertex of their borders. Departments are those of `gis.demo.departments`.
    """
    streets = table("streets")
    of = units["community"].to_numpy(object)
    communities = territory.communities.copy()
    communities.geometry = [
        shapely.coverage_union_all(units.geometry.to_numpy()[of == code]) for code in communities["code"]
    ]
    parts = [
        pd.DataFrame(
            {
                "set": "district",
                "code": [DISTRICT],
                "name": [DISTRICT_NAME],
                "parent": "",
                "department": "YH",
                "geometry": [shapely.coverage_union_all(communities.geometry.to_numpy())],
            }
        )
    ]
    street_name = dict(zip(streets["code"], streets["name"], strict=True))
    for set_, column, label, parent in (
        ("street", "street", street_name.get, DISTRICT),
        ("patrol", "patrol", lambda code: f"{PATROLS[int(code[1:]) - 1]}片区", DISTRICT),
    ):
        codes = np.unique(communities[column].to_numpy(str))
        whole = [shapely.coverage_union_all(communities.geometry[communities[column] == c].to_numpy()) for c in codes]
        parts.append(
            pd.DataFrame(
                {
                    "set": set_,
                    "code": codes,
                    "name": [label(c) for c in codes],
                    "parent": parent,
                    "department": [seat(c) if set_ == "street" else "" for c in codes],
                    "geometry": whole,
                }
            )
        )
    parts.append(
        pd.DataFrame(
            {
                "set": "community",
                "code": communities["code"],
                "name": communities["name"],
                "parent": communities["street"],
                "department": "",
                "geometry": communities.geometry,
            }
        )
    )
    out = pd.concat(parts, ignore_index=True)
    return gpd.GeoDataFrame(out, geometry="geometry", crs=SRID)
