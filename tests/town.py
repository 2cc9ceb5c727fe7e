"""A small invented town for the tests: 2 x 2 communities of 200 m, units of 100 m, everything on purpose awkward."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import store
from gis.layers import LAYERS
from gis.model import City

X0, Y0 = 500_000.0, 3_878_000.0
CITY = City(
    key="town",
    name="小镇",
    srid=4546,
    time_zone="Asia/Shanghai",
    bounds=(110.9, 34.9, 111.1, 35.2),
    default_points=((111.0005, 35.0305),),
    codes="china15",
)
DAY = pd.Timestamp("2026-07-01", tz="UTC")
ORDER = ("departments", "areas", "rules", "units", "components", "zones")


def box(x: float, y: float, w: float, h: float) -> shapely.Polygon:
    return shapely.box(X0 + x, Y0 + y, X0 + x + w, Y0 + y + h)


def point(x: float, y: float) -> shapely.Point:
    return shapely.Point(X0 + x, Y0 + y)


def frame(layer: str, rows: list[dict]) -> gpd.GeoDataFrame | pd.DataFrame:
    """Canonical frame of a layer from rows that leave out what is missing."""
    missing = {
        "text": "",
        "number": np.nan,
        "integer": np.nan,
        "flag": False,
        "instant": pd.NaT,
        "date": pd.NaT,
    }
    spec = LAYERS[layer]
    data = {c.name: [r.get(c.name, missing[c.kind]) for r in rows] for c in spec.columns}
    for c in spec.columns:
        if c.kind == "instant":
            data[c.name] = pd.to_datetime(pd.Series(data[c.name]), utc=True)
    index = pd.RangeIndex(1, len(rows) + 1, name="row")
    table = pd.DataFrame(
        {k: list(v) if not isinstance(v, pd.Series) else v.to_numpy() for k, v in data.items()}, index=index
    )
    for c in spec.columns:
        if c.kind == "instant":
            table[c.name] = pd.to_datetime(table[c.name], utc=True)
    if not spec.geometry:
        return table
    return gpd.GeoDataFrame(table, geometry=[r["geometry"] for r in rows], crs=CITY.srid)


def layers() -> dict[str, pd.DataFrame]:
    """Frames of the town: enough of each kind for every rule, every tie and every fault."""
    departments = [
        {"code": f"D{i}", "name": n, "parent": p}
        for i, (n, p) in enumerate(
            [("市城管局", ""), ("盐湖区政府", "D0"), ("东街道办", "D1"), ("西街道办", "D1"), ("排水中心", "D0"),
             ("路灯所", "D0"), ("园林中心", "D0"), ("环卫中心", "D0"), ("执法队", "D0")]
        )
    ]  # fmt: skip
    areas, units = [], []
    for j in range(2):
        areas.append({"set": "street", "code": f"14080200{j + 1}", "name": f"街道{j}", "parent": "140802",
                      "department": f"D{2 + j}", "geometry": box(200 * j, 0, 200, 400)})  # fmt: skip
        for i in range(2):
            code = f"14080200{j + 1}{i + 1:03d}"
            areas.append({"set": "community", "code": code, "name": f"社区{code[-3:]}", "parent": code[:9],
                          "geometry": box(200 * j, 200 * i, 200, 200)})  # fmt: skip
            units += [
                {"code": f"{code}{k + 1:03d}", "community": code,
                 "geometry": box(200 * j + 100 * (k % 2), 200 * i + 100 * (1 - k // 2), 100, 100)}
                for k in range(4)
            ]  # fmt: skip
    areas.append(
        {
            "set": "district",
            "code": "140802",
            "name": "盐湖区",
            "department": "D1",
            "geometry": box(0, 0, 400, 400),
        }
    )
    areas.append({"set": "patrol", "code": "P1", "name": "一片", "geometry": box(50, 50, 200, 300)})
    rules = [
        {"class": "2026:C01", "duty": "maintaining", "radius_m": 15.0},
        {"class": "2026:C01037", "duty": "owning", "radius_m": 25.0},
        {"class": "2026:C01002", "department": "D4", "duty": "supervising", "radius_m": 12.0},
        {"class": "2026:E06", "department": "D7"},
        {"class": "2013:E01", "department": "D8", "valid_to": pd.Timestamp("2026-03-01", tz="UTC")},
    ]
    components = [
        {"code": "14080201002000001", "class": "2026:C01002", "supervising": "D0", "owning": "D4",
         "geometry": point(100, 100)},
        {"code": "14080201002000002", "class": "2026:C01002", "owning": "D5", "geometry": point(110, 100)},
        {"code": "14080201037000001", "class": "2026:C01037", "maintaining": "D5", "geometry": point(300, 300)},
        {"code": "14080201037000002", "class": "2026:C01037", "geometry": point(310, 300)},
        {"code": "1408020103000001", "class": "2013:C0103", "owning": "D4", "geometry": point(200, 10)},
        {"code": "14080201003000009", "class": "2026:C01003", "owning": "D6", "geometry": point(204, 10),
         "valid_to": DAY},
        {"code": "14080201003000009", "class": "2026:C01003", "owning": "D7", "geometry": point(206, 10),
         "valid_from": DAY},
    ]  # fmt: skip
    hole = shapely.Polygon(box(100, 100, 150, 150).exterior, [box(150, 150, 50, 50).exterior])
    zones = [
        {"code": "Z1", "name": "公园", "department": "D6", "classes": "*", "geometry": hole},
        {"code": "Z2", "name": "市场", "department": "D8", "classes": "E", "geometry": box(240, 100, 60, 150)},
        {"code": "Z3", "name": "解放路", "department": "D7", "classes": "E 2026:C01", "width_m": 20.0,
         "geometry": shapely.LineString([(X0 - 10, Y0 + 200), (X0 + 180, Y0 + 205), (X0 + 420, Y0 + 190)])},
        {"code": "Z4", "name": "争议", "department": "D5", "classes": "2026:E06", "geometry": box(0, 190, 400, 12)},
        {"code": "Z5", "name": "过期", "department": "D0", "classes": "*", "rank": 1, "geometry": box(0, 0, 400, 400),
         "valid_to": pd.Timestamp("2026-01-01", tz="UTC")},
        {"code": "Z6", "name": "指定", "department": "D4", "classes": "2026:E06010 2013:E0105", "rank": 2,
         "geometry": box(300, 0, 80, 80)},
        {"code": "Z7", "name": "两块", "department": "D3", "classes": "2013:E01 2013:C",
         "geometry": shapely.MultiPolygon([box(10, 10, 30, 30), box(20, 300, 60, 60)])},
        {"code": "Z8", "name": "双胞胎", "department": "D2", "classes": "*", "geometry": hole},
        {"code": "Z9", "name": "城外", "department": "D2", "classes": "E", "geometry": box(395, 395, 30, 30)},
    ]  # fmt: skip
    return {
        "departments": frame("departments", departments),
        "areas": frame("areas", areas),
        "units": frame("units", units),
        "rules": frame("rules", rules),
        "components": frame("components", components),
        "zones": frame("zones", zones),
    }


def fill(engine: Engine) -> None:
    """Load the town into an empty database, each layer after those that it needs."""
    store.create_city(engine, CITY)
    made = layers()
    for layer in ORDER:
        report = store.load(engine, layer, made[layer])
        assert not len(report.rejects), report.rejects.to_string()
