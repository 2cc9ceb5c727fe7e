"""The town of the tests with every rule of responsibility in it: only, never, duties, joint, sides, chainage, who is
first, departments that came and went. Places are metres from the town's corner."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from tests import town
from tests.town import X0, Y0, box, frame, point

DAYS = ("2025-06-01", "2026-02-01", "2026-04-15", "2026-06-30T23:59:59.999999", "2026-07-01", "2026-12-01")
"""Before anything, between the ends of departments, at the town's day and just before it, after all."""
LAYERS = ("departments", "areas", "rules", "units", "components", "zones")
CLASSES = (
    "2026:E06010",  # E06: competent D7
    "2026:E09001",  # locality first, whatever is named
    "2026:E10001",  # duty disposing
    "2026:C01002",  # supervising
    "2026:C01037",  # owning, locality first since February
    "2026:C02001",  # disposing: the maintaining department is asked first
    "2013:E0105",
    "2013:C0103",
    "",
)
NAMED = ("", "", "", "14080201037000001", "14080202001000001", "14080202001000002", "nonesuch")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def line(*places: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([(X0 + x, Y0 + y) for x, y in places])


def layers() -> dict[str, pd.DataFrame]:
    """Frames of the town with the rules."""
    plain = town.layers()
    departments = [
        {"code": "D10", "name": "旧排水公司", "parent": "D4", "valid_to": day("2026-03-01")},
        {"code": "D11", "name": "旧排水站", "parent": "D10", "valid_to": day("2026-04-01")},
        {"code": "D12", "name": "新公司", "parent": "", "valid_from": day("2026-07-01")},
        {"code": "D13", "name": "时有时无", "parent": "D5", "valid_to": day("2026-03-01")},
        {"code": "D13", "name": "时有时无", "parent": "D6", "valid_from": day("2026-06-01")},
        {"code": "D14", "name": "无主", "parent": "D15", "valid_to": day("2026-01-01")},
        {"code": "D15", "name": "互指", "parent": "D14", "valid_from": day("2026-01-01"),
         "valid_to": day("2026-02-01")},
    ]  # fmt: skip
    rules = [
        {"class": "2026:E09", "first": "locality"},
        {"class": "2026:E10", "duty": "disposing", "department": "D11"},
        {"class": "2026:C02", "duty": "disposing", "radius_m": 30.0, "department": "D13"},
    ]
    known = plain["rules"].copy()
    known.loc[known["class"] == "2026:C01037", "valid_to"] = day("2026-02-01")
    rules.append({"class": "2026:C01037", "duty": "owning", "radius_m": 25.0, "first": "locality",
                  "valid_from": day("2026-02-01")})  # fmt: skip
    components = [
        {"code": "14080202001000001", "class": "2026:C02001", "supervising": "D8", "owning": "D7",
         "maintaining": "D13", "geometry": point(60, 320)},
        {"code": "14080202001000002", "class": "2026:C02001", "supervising": "D11", "geometry": point(90, 320)},
        {"code": "14080202001000003", "class": "2026:C02001", "maintaining": "D12", "geometry": point(350, 60)},
        {"code": "14080202001000004", "class": "2026:C02001", "maintaining": "D8", "geometry": point(160, 40)},
    ]  # fmt: skip
    street = line((20, 250), (120, 250), (150, 280), (150, 380))
    zones = [
        {"code": "N1", "name": "执法队不入", "department": "D8", "classes": "*", "effect": "never",
         "geometry": box(230, 90, 80, 80)},
        {"code": "N2", "name": "街道不管", "department": "D2", "classes": "2026:E06 2013:E01", "effect": "never",
         "geometry": box(0, 0, 90, 120)},
        {"code": "N3", "name": "政府不管", "department": "D1", "classes": "*", "effect": "never",
         "geometry": box(20, 20, 40, 60)},
        {"code": "N4", "name": "排水不养", "department": "D11", "classes": "C", "effect": "never", "duty": "disposing",
         "geometry": box(40, 300, 80, 40)},
        {"code": "N5", "name": "路灯不入", "department": "D5", "classes": "C", "effect": "never",
         "valid_from": day("2026-06-01"), "geometry": box(90, 90, 40, 40)},
        {"code": "N6", "name": "三家都不", "department": "D7", "classes": "*", "effect": "never",
         "geometry": box(40, 300, 80, 40)},
        {"code": "O1", "name": "唯一", "department": "D3", "classes": "C E", "effect": "only", "joint": "D5 D10 D3",
         "geometry": box(280, 280, 60, 60)},
        {"code": "O2", "name": "唯一路", "department": "D4", "classes": "2026:E06", "effect": "only", "width_m": 12.0,
         "side": "right", "geometry": line((200, 20), (380, 20))},
        {"code": "O3", "name": "唯一被拒", "department": "D8", "classes": "2026:E", "effect": "only",
         "geometry": box(250, 60, 60, 60)},
        {"code": "O4", "name": "唯一已撤", "department": "D11", "classes": "*", "effect": "only",
         "geometry": box(350, 200, 30, 30)},
        {"code": "S1", "name": "左侧", "department": "D5", "classes": "E 2026:C02", "width_m": 9.0, "side": "left",
         "geometry": street},
        {"code": "S2", "name": "右侧", "department": "D6", "classes": "*", "width_m": 9.0, "side": "right", "rank": 3,
         "from_m": 30.0, "to_m": 190.0, "geometry": street},
        {"code": "S3", "name": "前段", "department": "D12", "classes": "E", "width_m": 30.0, "to_m": 60.5, "rank": 1,
         "geometry": street},
        {"code": "U1", "name": "主管", "department": "D7", "classes": "C 2026:E10", "duty": "supervising",
         "joint": "D0 D14", "geometry": box(60, 60, 300, 20)},
        {"code": "U2", "name": "处置", "department": "D13", "classes": "C 2026:E10 2026:E06", "duty": "disposing",
         "geometry": box(60, 70, 300, 20)},
        {"code": "U3", "name": "无人", "department": "D14", "classes": "*", "rank": 1,
         "geometry": box(150, 330, 200, 60)},
    ]  # fmt: skip
    more = {"departments": departments, "rules": rules, "components": components, "zones": zones}
    made = {**plain, "rules": known}
    for name, rows in more.items():
        both = pd.concat([made[name], frame(name, rows)], ignore_index=True)
        both.index = pd.RangeIndex(1, len(both) + 1, name="row")
        made[name] = both if "geometry" not in both else gpd.GeoDataFrame(both, crs=town.CITY.srid)
    return made
