"""Rosters of the town: chiefs at three tiers, a road's chief, a 1+5 team, patrols by the month, enforcement."""

from __future__ import annotations

import pandas as pd
import shapely

from tests import town

STREET, COMMUNITY = "140802001", "140802001001"
ORDER = ("departments", "areas", "rules", "units", "components", "zones", "roads", "rosters")
UNIT = COMMUNITY + "003"
"""Unit in the south-west corner of the town, west of the patrol area's middle."""


def local(text: str) -> pd.Timestamp:
    """An instant of the town's own time, UTC."""
    return pd.Timestamp(text, tz=town.CITY.time_zone).tz_convert("UTC")


def rows() -> list[dict]:
    def turn(team: str, person: str, kind: str, begin: str = "", end: str = "", **more: object) -> dict:
        times = {"valid_from": local(begin) if begin else pd.NaT, "valid_to": local(end) if end else pd.NaT}
        return {"team": team, "person": person, "kind": kind, **times, **more}

    street = {"area_set": "street", "area": STREET}
    chief3 = {"tier": 3.0, "role": "chief", "area_set": "community", "area": COMMUNITY,
              "department": "D2", "reports_to": "S1", "after_hours": 4.0}  # fmt: skip
    return [
        turn("C1", "王一", "chief", "2026-01-01", "2026-09-01", phone="1-1", **chief3),
        turn("C1", "王二", "chief", "2026-09-10", **chief3),
        turn("S1", "李街", "chief", tier=2.0, role="chief", phone="2-1", department="D2", reports_to="D1",
             after_hours=24.0, **street),
        turn("D1", "赵区", "chief", tier=1.0, role="chief", area_set="district", area="140802", department="D1",
             reports_to="@enforcement", after_hours=48.0),
        turn("路1", "周路", "chief", tier=3.0, role="路长", place_kind="road", place="w1", department="D7",
             reports_to="S1", after_hours=2.0),
        turn("五1", "钱长", "1+5", role="leader", department="D2", **street),
        *[turn("五1", f"员{i}", "1+5", role="member", department=f"D{3 + i}", **street) for i in range(5)],
        turn("巡一", "孙甲", "patrol", "2026-07-01", "2026-08-01", role="leader", area_set="patrol", area="P1"),
        turn("巡一", "孙乙", "patrol", "2026-07-01", "2026-08-01", role="patrol", area_set="patrol", area="P1"),
        turn("巡二", "吴甲", "patrol", "2026-09-01", "2026-10-01", role="leader", area_set="patrol", area="P1"),
        turn("执1", "郑队", "enforcement", role="leader", department="D8", **street),
        turn("市场", "冯守", "patrol", place_kind="zone", place="Z2"),
    ]  # fmt: skip


def layers() -> dict[str, pd.DataFrame]:
    """The town's layers, with a road and the rosters."""
    line = shapely.LineString([(town.X0, town.Y0 + 5), (town.X0 + 400, town.Y0 + 5)])
    road = {"code": "w1", "name": "解放路", "kind": "primary", "width_m": 24.0, "lanes": 4.0, "geometry": line}
    return town.layers() | {"roads": town.frame("roads", [road]), "rosters": town.frame("rosters", rows())}
