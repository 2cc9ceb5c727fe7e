"""A made city of 1,000 km² for the benchmarks: canonical frames of `gis.layers`, made with vectors, seeded.

400 communities, 100,000 units on a bent lattice, 3,000 zones in 12 class groups that overlap within a group and
between groups (median 60 vertices, the longest tail 5,000, a sixth of them lines with a width), a million components
along the streets, two million cases, half of them close to a component, the others in clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.layers import LAYERS
from gis.model import DUTIES, City
from gis.snapshot import Snapshot
from gis.zones import grounds
from grids.catalog import catalog

WEST, SOUTH = 484_000.0, 3_860_000.0
SIDE = 31_620.0
CITY = City(
    key="thousand",
    name="千平方公里",
    srid=4546,
    time_zone="Asia/Shanghai",
    bounds=(110.5, 34.5, 111.5, 35.5),
    default_points=((110.51, 34.51),),
    codes="china15",
    territory=("community", "street", "district"),
)
GROUPS = (
    "2026:E06", "2026:E07", "2026:E08", "2026:E09", "2026:E10", "2013:E01",
    "2026:C01", "2026:C02", "2026:C03", "2026:C04", "2026:C05", "2013:C01",
)  # fmt: skip
"""Class groups of the zones; no class is in two of them."""
DAY = pd.Timestamp("2026-07-01", tz="UTC")
CHANNELS = ("patrol", "hotline", "wechat", "app", "video", "web")


@dataclass(frozen=True)
class Made:
    """Frames by layer, and the cases: x, y in metres, class, instant, named component, position error in metres."""

    frames: dict[str, pd.DataFrame]
    cases: pd.DataFrame


def make(
    *,
    communities: tuple[int, int] = (20, 20),
    units: tuple[int, int] = (25, 10),
    zones: int = 3_000,
    components: int = 1_000_000,
    cases: int = 2_000_000,
    seed: int = 1,
) -> Made:
    """Make the city; ``communities`` and ``units`` in each of them are counts to the east and to the north."""
    rng = np.random.default_rng(seed)
    departments = _departments()
    who = departments["code"].to_numpy(dtype=object)
    nodes = _nodes(rng, communities[0] * units[0], communities[1] * units[1])
    area, unit = _areas(nodes, communities, units, who)
    frames = {
        "departments": departments,
        "areas": area,
        "units": unit,
        "rules": _rules(who),
        "components": _components(rng, nodes, components, who),
        "zones": _zones(rng, zones, who),
    }
    return Made(frames, _cases(rng, frames, cases))


def frame(layer: str, columns: dict[str, object], geometry: np.ndarray | None = None) -> pd.DataFrame:
    """Canonical frame of a layer; what is left out is missing."""
    n = len(next(iter(columns.values()))) if geometry is None else len(geometry)  # type: ignore[arg-type]
    missing = {"text": "", "number": np.nan, "integer": np.nan, "flag": False}
    data: dict[str, object] = {}
    for c in LAYERS[layer].columns:
        if c.kind == "instant":
            data[c.name] = pd.to_datetime(pd.Series(columns.get(c.name, [None] * n)), utc=True).dt.as_unit("us")
        else:
            value = columns.get(c.name, missing[c.kind])
            kind = "str" if c.kind == "text" else None
            data[c.name] = pd.Series(np.broadcast_to(np.asarray(value, dtype=object if kind else None), n), dtype=kind)
    table = pd.DataFrame(data)
    table.index = pd.RangeIndex(1, n + 1, name="row")
    return table if geometry is None else gpd.GeoDataFrame(table, geometry=geometry, crs=CITY.srid)


def _departments() -> pd.DataFrame:
    code = [f"11140802MB{n:08d}" for n in range(60)]
    return frame("departments", {"code": code, "name": [f"部门{n}" for n in range(60)], "kind": "bureau"})


def _rules(who: np.ndarray) -> pd.DataFrame:
    told = [
        ("2026:C01", "maintaining", 15.0, ""), ("2026:C02", "supervising", 25.0, ""),
        ("2026:C01037", "owning", 30.0, ""), ("2013:C01", "owning", 20.0, ""),
        ("2026:E06", "", np.nan, who[3]), ("2026:E06010", "", np.nan, who[4]),
        ("2026:E08", "", np.nan, who[5]), ("2026:C03", "supervising", 20.0, who[6]),
    ]  # fmt: skip
    names = ("class", "duty", "radius_m", "department")
    return frame("rules", {n: list(v) for n, v in zip(names, zip(*told, strict=True), strict=True)})


@dataclass(frozen=True)
class _Nodes:
    """A bent lattice: corners (i, j, 2) and the bends of the edges to the east and to the north."""

    corner: np.ndarray
    east: np.ndarray
    north: np.ndarray


def _nodes(rng: np.random.Generator, columns: int, rows: int) -> _Nodes:
    dx, dy = SIDE / columns, SIDE / rows
    i, j = np.meshgrid(np.arange(columns + 1), np.arange(rows + 1), indexing="ij")
    corner = np.stack([WEST + i * dx, SOUTH + j * dy], -1)
    corner[1:-1, 1:-1] += rng.uniform(-0.15, 0.15, (columns - 1, rows - 1, 2)) * (dx, dy)
    east = (corner[1:] + corner[:-1]) / 2
    east[:, 1:-1] += rng.uniform(-0.06, 0.06, east[:, 1:-1].shape) * (dx, dy)
    north = (corner[:, 1:] + corner[:, :-1]) / 2
    north[1:-1] += rng.uniform(-0.06, 0.06, north[1:-1].shape) * (dx, dy)
    return _Nodes(*(v.round(3) for v in (corner, east, north)))


def _areas(
    nodes: _Nodes, communities: tuple[int, int], units: tuple[int, int], who: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    c, e, n = nodes.corner, nodes.east, nodes.north
    ring = np.stack(
        [c[:-1, :-1], e[:, :-1], c[1:, :-1], n[1:], c[1:, 1:], e[:, 1:], c[:-1, 1:], n[:-1], c[:-1, :-1]], axis=2
    )
    columns, rows = ring.shape[:2]
    i, j = (v.ravel() for v in np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij"))
    of_street, of_community = i // units[0], j // units[1]
    serial = (i % units[0]) * units[1] + j % units[1] + 1
    place = 140802 * 10**6 + (of_street + 1) * 1000 + of_community + 1
    text = pd.Series(place * 1000 + serial).astype("str")
    unit = frame(
        "units",
        {"code": text.to_numpy(dtype=object), "community": text.str[:12].to_numpy(dtype=object), "kind": "block"},
        shapely.polygons(ring.reshape(-1, 9, 2)),
    )
    shapes, codes = [], []
    for s in range(communities[0]):
        for k in range(communities[1]):
            shapes.append(_outline(nodes, s * units[0], k * units[1], *units))
            codes.append(f"{140802 * 10**6 + (s + 1) * 1000 + k + 1}")
    streets = [_outline(nodes, s * units[0], 0, units[0], rows) for s in range(communities[0])]
    street_codes = [f"{140802 * 1000 + s + 1}" for s in range(communities[0])]
    district = _outline(nodes, 0, 0, columns, rows)
    geometry = np.array([*shapes, *streets, district], dtype=object)
    data = {
        "set": ["community"] * len(shapes) + ["street"] * len(streets) + ["district"],
        "code": [*codes, *street_codes, "140802"],
        "name": [f"社区{k}" for k in codes] + [f"街道{k}" for k in street_codes] + ["区"],
        "parent": [k[:9] for k in codes] + ["140802"] * len(streets) + [""],
        "department": [""] * len(shapes) + [who[10 + k % 30] for k in range(len(streets))] + [who[0]],
    }
    return frame("areas", data, geometry), unit


def _outline(nodes: _Nodes, i: int, j: int, columns: int, rows: int) -> shapely.Polygon:
    def along(corner: np.ndarray, bend: np.ndarray) -> np.ndarray:
        out = np.empty((len(corner) + len(bend), 2))
        out[::2], out[1::2] = corner, bend
        return out

    c, to_i, to_j = nodes.corner, slice(i, i + columns), slice(j, j + rows)
    to_i1, to_j1 = slice(i, i + columns + 1), slice(j, j + rows + 1)
    south, east = along(c[to_i1, j], nodes.east[to_i, j]), along(c[i + columns, to_j1], nodes.north[i + columns, to_j])
    north, west = along(c[to_i1, j + rows], nodes.east[to_i, j + rows]), along(c[i, to_j1], nodes.north[i, to_j])
    return shapely.Polygon(np.vstack([south, east[1:], north[::-1][1:], west[::-1][1:]]))


def _zones(rng: np.random.Generator, count: int, who: np.ndarray) -> pd.DataFrame:
    vertices = np.clip(rng.lognormal(np.log(60), 0.9, count), 8, 5_000).astype(int)
    vertices[: max(count // 300, 1)] = 5_000
    line = np.arange(count) % 6 == 5
    centre = rng.uniform(0.03, 0.97, (count, 2)) * SIDE + (WEST, SOUTH)
    radius = np.clip(rng.lognormal(np.log(900), 0.5, count), 150, 4_000)
    shapes = np.empty(count, dtype=object)
    for k in range(count):
        n = vertices[k]
        if line[k]:
            n = min(n, 400)
            turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, n))
            shapes[k] = shapely.LineString(
                centre[k] + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], -1) * radius[k] * 4 / n, axis=0).round(3)
            )
            continue
        angle = (np.arange(n) + rng.uniform(0.1, 0.9, n)) * 2 * np.pi / n
        wave = 1 + 0.25 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.1 * np.sin(11 * angle) + rng.uniform(-0.02, 0.02, n)
        around = np.stack([np.cos(angle), np.sin(angle)], -1) * (radius[k] * wave)[:, None]
        hole = [centre[k] + around[:: max(1, n // 12)] * 0.3] if k % 10 == 0 else []
        shapes[k] = shapely.Polygon(centre[k] + around, hole)
        if k % 25 == 3:
            shapes[k] = shapely.MultiPolygon([shapes[k], shapely.Polygon(centre[k] + around * 0.3 + 3.2 * radius[k])])
    area = ~line
    shapes[area] = shapely.set_precision(shapes[area], 0.001)
    rank = np.where(rng.random(count) < 0.02, rng.integers(1, 9, count), np.nan)
    return frame(
        "zones",
        {
            "code": [f"Z{k:05d}" for k in range(count)],
            "name": [f"责任区{k}" for k in range(count)],
            "department": who[rng.integers(0, len(who), count)],
            "classes": np.array(GROUPS, dtype=object)[np.arange(count) // 6 % len(GROUPS)],
            "rank": rank,
            "width_m": np.where(line, rng.integers(4, 21, count) * 2.0, np.nan),
        },
        shapes,
    )


def _components(rng: np.random.Generator, nodes: _Nodes, count: int, who: np.ndarray) -> pd.DataFrame:
    ends = np.concatenate([np.stack([nodes.corner[:-1], nodes.east], 2).reshape(-1, 2, 2),
                           np.stack([nodes.corner[:, :-1], nodes.north], 2).reshape(-1, 2, 2)])  # fmt: skip
    edge = ends[rng.integers(0, len(ends), count)]
    along = rng.random((count, 1))
    xy = (edge[:, 0] * (1 - along) + edge[:, 1] * along + rng.normal(0, 3, (count, 2))).round(3)
    book = catalog().classes
    classes = book[(book["edition"] == "2026") & (book["kind"] == "C")]["code"].to_numpy(dtype=object)[:70]
    klass = classes[(70 * rng.random(count) ** 2).astype(int)]
    serial = pd.Series(rng.permutation(count)).astype("str").str.zfill(6)
    code = ("140802" + pd.Series(klass, dtype="str") + serial).to_numpy(dtype=object)

    def some(share: float) -> np.ndarray:
        return np.where(rng.random(count) < share, who[rng.integers(0, len(who), count)], "")

    columns = {
        "code": code, "class": ("2026:C" + pd.Series(klass, dtype="str")).to_numpy(dtype=object),
        "supervising": some(0.9), "owning": some(0.95), "maintaining": some(0.8),
        "state": "intact", "source": "surveyed",
    }  # fmt: skip
    return frame("components", columns, shapely.points(xy))


def _cases(rng: np.random.Generator, frames: dict[str, pd.DataFrame], count: int) -> pd.DataFrame:
    book = catalog().classes
    text = (book["edition"] + ":" + book["kind"] + book["code"]).to_numpy(dtype=object)
    known = text[[any(t.startswith(g) for g in GROUPS) for t in text]]
    components = frames["components"]
    place = shapely.get_coordinates(components.geometry.to_numpy())
    some = rng.integers(0, len(place), count)
    near = rng.random(count) < 0.5
    centres = rng.uniform(0, SIDE, (400, 2)) + (WEST, SOUTH)
    around = centres[rng.integers(0, 400, count)] + rng.normal(0, 400, (count, 2))
    xy = np.where(near[:, None], place[some] + rng.normal(0, 8, (count, 2)), around)
    about = near & (rng.random(count) < 0.7)
    events = known[rng.integers(0, len(known), count)]
    named = about & (rng.random(count) < 0.1)
    return pd.DataFrame(
        {
            "x": xy[:, 0].round(3), "y": xy[:, 1].round(3),
            "class": pd.Series(np.where(about, components["class"].to_numpy(dtype=object)[some], events), dtype="str"),
            "at": DAY + pd.to_timedelta(rng.integers(0, 180 * 86_400, count), unit="s"),
            "component": pd.Series(np.where(named, components["code"].to_numpy(dtype=object)[some], ""), dtype="str"),
            "error": np.where(rng.random(count) < 0.3, rng.uniform(3, 30, count).round(1), 0.0),
        }
    )  # fmt: skip


def ground(*, buildings: int = 300_000, seed: int = 3) -> dict[str, pd.DataFrame]:
    """What a base map of the city draws: 50,000 pieces of road in six kinds, buildings, rivers, parks."""
    rng = np.random.default_rng(seed)
    lines, kinds = [], []
    for k, along in enumerate(np.linspace(0, SIDE, 401)):
        wave = np.sin(np.linspace(0, 9, 126) + k) * 12
        line = np.stack([np.linspace(0, SIDE, 126), np.clip(along + wave, 0, SIDE)], -1)
        for turned in (line, line[:, ::-1]):
            pieces = np.stack([turned[:-1:2], turned[1::2], np.vstack([turned[2::2], turned[-1:]])], 1)
            lines.append(pieces + (WEST, SOUTH))
            kind = (
                "primary"
                if k % 40 == 0
                else "secondary"
                if k % 20 == 0
                else "tertiary"
                if k % 10 == 0
                else "residential"
            )
            kinds += [kind] * len(pieces)
    roads = shapely.linestrings(np.concatenate(lines).round(3))
    low = rng.uniform(0.01, 0.99, (buildings, 2)) * SIDE + (WEST, SOUTH)
    size = rng.uniform(10, 30, (buildings, 2))
    houses = shapely.box(*low.T.round(3), *(low + size).T.round(3))
    x = np.linspace(WEST, WEST + SIDE, 300)
    rivers = [
        shapely.linestrings(np.stack([x, SOUTH + SIDE * (k + 0.5) / 8 + np.sin(x / 900 + k) * 300], -1))
        for k in range(8)
    ]
    corner = rng.uniform(0.01, 0.97, (2000, 2)) * SIDE + (WEST, SOUTH)
    parks = shapely.box(*corner.T.round(3), *(corner + rng.uniform(60, 400, (2000, 2))).T.round(3))

    def layer(to: str, shapes: np.ndarray, **columns: object) -> pd.DataFrame:
        codes = [f"{to[0].upper()}{k:06d}" for k in range(len(shapes))]
        return frame(to, {"code": codes, **columns}, np.asarray(shapes, dtype=object))

    names = np.array([f"第{k // 63}路" for k in range(len(roads))], dtype=object)
    return {
        "roads": layer("roads", roads, name=names, kind=np.array(kinds, dtype=object)),
        "buildings": layer("buildings", houses, kind="residential"),
        "rivers": layer("rivers", shapely.set_precision(rivers, 0.001), kind="river", width_m=60.0),
        "parcels": layer("parcels", parks, kind="park"),
    }


def recorded(cases: pd.DataFrame, *, days: int = 540, seed: int = 4) -> pd.DataFrame:
    """Its cases as a layer: numbered, spread over eighteen months, come by six channels."""
    rng = np.random.default_rng(seed)
    n = len(cases)
    first = pd.Timestamp("2025-01-01", tz="UTC")
    columns = {
        "id": np.char.add("A", np.char.zfill(np.arange(n).astype(str), 8)).astype(object),
        "class": cases["class"].to_numpy(dtype=object),
        "reported_at": first + pd.to_timedelta(rng.integers(0, days * 86_400, n), unit="s"),
        "channel": np.array(CHANNELS, dtype=object)[rng.integers(0, len(CHANNELS), n)],
        "status": "reported",
    }
    return frame("cases", columns, shapely.points(cases[["x", "y"]].to_numpy()))


def ruled(frames: dict[str, pd.DataFrame], *, seed: int = 2) -> dict[str, pd.DataFrame]:
    """The same city with every rule of responsibility on.

    Of the zones a fiftieth say never, a hundredth only (all for one department, so that none contradicts another), a
    tenth hold for one duty, a tenth are shared; of the lines two thirds are of one side and a third of a stretch. All
    events go to localities first, three majors ask for a duty, a tenth of the departments have ended.
    """
    rng = np.random.default_rng(seed)
    zones, departments = frames["zones"].copy(), frames["departments"].copy()
    who, n = departments["code"].to_numpy(dtype=object), len(zones)
    lot = rng.random(n)
    zones["effect"] = np.where(lot < 0.02, "never", np.where(lot > 0.99, "only", ""))
    zones.loc[zones["effect"] == "only", "department"] = who[7]
    zones["duty"] = np.where(rng.random(n) < 0.1, np.array(DUTIES, dtype=object)[rng.integers(0, 4, n)], "")
    zones["joint"] = np.where(rng.random(n) < 0.1, who[rng.integers(0, len(who), n)], "")
    line = zones["width_m"].notna().to_numpy()
    zones["side"] = np.where(line, np.array(["", "left", "right"], dtype=object)[rng.integers(0, 3, n)], "")
    cut = line & (rng.random(n) < 1 / 3)
    zones["from_m"] = np.where(cut, zones.geometry.length * 0.2, np.nan)
    zones["to_m"] = np.where(cut, zones.geometry.length * 0.8, np.nan)
    for column in ("effect", "duty", "joint", "side"):
        zones[column] = zones[column].astype("str")
    _, lost = grounds(zones.geometry.to_numpy(), zones)
    zones.loc[zones.index[[k for k, _ in lost]], "side"] = ""  # lines that come back to themselves have no sides
    told = [("2026:E", "", "locality"), ("2026:C01", "maintaining", ""), ("2026:C04", "disposing", ""),
            ("2026:E06", "disposing", ""), ("2026:E07", "supervising", "")]  # fmt: skip
    texts, duty, first = map(list, zip(*told, strict=True))
    more = frame("rules", {"class": texts, "duty": duty, "first": first})
    rules = pd.concat([frames["rules"][~frames["rules"]["class"].isin(more["class"])], more], ignore_index=True)
    departments["parent"] = np.where(np.arange(len(who)) > 0, who[0], "")
    departments.loc[departments.index[9::10], "valid_to"] = DAY + pd.Timedelta(days=60)
    return frames | {"zones": zones, "rules": rules, "departments": departments}


@cache
def kept_ruled() -> Snapshot:
    """The snapshot of that city; all but its zones, rules and departments is that of `kept`."""
    made, plain = kept()
    same = ("units", "areas", "components")
    return Snapshot.compile(CITY, ruled(made.frames), at=DAY, known_at=DAY, base=plain, same=same)


@cache
def kept() -> tuple[Made, Snapshot]:
    """The city and its snapshot, made once for all benchmarks of a run."""
    made = make()
    return made, Snapshot.compile(CITY, made.frames, at=DAY, known_at=DAY)
