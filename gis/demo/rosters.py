"""Rosters: chiefs at three tiers, 1+5 teams, enforcement, and 55 patrol staff whose teams move on every month.

Tiers and the 1+5 are as published of Xiamen and Suining; who they are and how long a step takes is invented.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from gis.demo.communities import DISTRICT
from gis.demo.departments import seat
from gis.demo.plan import Plan
from gis.rosters import rotate

ZONE = "Asia/Shanghai"
FIRST, MONTHS = "2025-07", 18
TEAMS, STAFF = 5, 55
STEPS = {3: 4.0, 2: 24.0, 1: 48.0}
"""Hours after which a chief of a tier passes a case on."""
ROADS = 26
"""Roads with a chief of their own in the full city, as many as Suining's street chiefs."""
CHANGES = 0.1
"""Share of the communities whose chief changes within the record."""
FIVE = ("GA", "SJ", "CG05", "ZJ", "XF")
"""Departments of the five of a 1+5 team: police, market, sanitation, housing, fire."""
VACANT = ("2026-04-10", "2026-04-24")
"""Days from and until which one community has no chief."""
UNMANNED, MISSED = "2026-02", "P3"
"""Month in which one patrol area has nobody, and which one."""
SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林郑解关薛裴柳卫姚景樊"
GIVEN = (
    "建国",
    "志强",
    "晓燕",
    "丽娟",
    "海军",
    "俊杰",
    "雪梅",
    "文斌",
    "爱民",
    "红霞",
    "永刚",
    "春生",
    "云鹏",
    "静",
    "磊",
)


def make_rosters(plan: Plan, areas: pd.DataFrame, roads: gpd.GeoDataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the layer ``rosters``, and the planted holes; names are invented.

    Returns
    -------
    rosters : DataFrame
    holes : DataFrame
        kind, tier, area_set, area, from, to (instants, half-open), last_team, next_team.
    """
    patrols, unmanned = _patrols(plan)
    local, vacant = _local(plan, areas, roads)
    rows = pd.concat([patrols, local], ignore_index=True)
    texts = ["area_set", "area", "place_kind", "place", "reports_to"]
    rows[texts] = rows[texts].fillna("").astype("str")
    return rows, pd.DataFrame([unmanned, vacant])


def _patrols(plan: Plan) -> tuple[pd.DataFrame, dict[str, object]]:
    """One row for each person and month; one patrol area has nobody in one month."""
    rng = plan.stream("rosters")
    surname, given = rng.integers(0, len(SURNAMES), STAFF), rng.permutation(np.arange(STAFF) % len(GIVEN))
    names = [SURNAMES[s] + GIVEN[g] for s, g in zip(surname, given, strict=True)]
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[i] = name if seen[name] == 1 else f"{name}{seen[name]}"
    person = np.arange(STAFF)
    members = pd.DataFrame(
        {
            "team": [f"巡查{t + 1}队" for t in person % TEAMS],
            "person": names,
            "kind": "patrol",
            "role": np.where(person < TEAMS, "leader", "patrol"),
            "department": "CG07",
            "phone": [f"0359-{8_000_000 + p:07d}" for p in person],
        }
    )
    codes = [f"P{i + 1}" for i in range(TEAMS)]
    rows = rotate(members, area_set="patrol", areas=codes, first=FIRST, months=MONTHS, zone=ZONE)
    begin, end = (_local_time(month) for month in (UNMANNED, str(pd.Period(UNMANNED, "M") + 1)))
    there = rows["area"] == MISSED
    hole = {
        "kind": "patrol", "tier": np.nan, "area_set": "patrol", "area": MISSED, "from": begin, "to": end,
        "last_team": rows.loc[there & (rows["valid_to"] == begin), "team"].iloc[0],
        "next_team": rows.loc[there & (rows["valid_from"] == end), "team"].iloc[0],
    }  # fmt: skip
    return rows[~(there & (rows["valid_from"] == begin))].reset_index(drop=True), hole


def _local(plan: Plan, areas: pd.DataFrame, roads: gpd.GeoDataFrame) -> tuple[pd.DataFrame, dict[str, object]]:
    """Chiefs of the district, its streets, communities and largest roads; 1+5 and enforcement of each street."""
    rng = plan.stream("chiefs")
    streets = areas.loc[areas["set"] == "street", "code"].tolist()
    communities = areas.loc[areas["set"] == "community", ["code", "parent"]].to_numpy(object).tolist()
    first, last = (_local_time(month) for month in (FIRST, str(pd.Period(FIRST, "M") + MONTHS)))
    rows: list[dict[str, object]] = []

    def post(team: str, kind: str, role: str, department: str, **more: object) -> dict[str, object]:
        name = SURNAMES[rng.integers(len(SURNAMES))] + GIVEN[rng.integers(len(GIVEN))]
        phone = f"0359-{6_000_000 + len(rows):07d}"
        row = {"team": team, "person": name, "kind": kind, "role": role, "department": department, "phone": phone}
        rows.append(row | {"valid_from": pd.NaT, "valid_to": pd.NaT} | more)
        return rows[-1]

    def chief(team: str, tier: int, department: str, above: str, **where: object) -> dict[str, object]:
        way = {"tier": float(tier), "reports_to": above, "after_hours": STEPS[tier]}
        return post(team, "chief", "chief", department, **way, **where)

    top = f"街长{DISTRICT}"
    chief(top, 1, "YH", "@enforcement", area_set="district", area=DISTRICT)
    for code in streets:
        where, office = {"area_set": "street", "area": code}, seat(code)
        head = chief(f"街长{code}", 2, office, top, **where)
        deputy = post(f"街长{code}", "chief", "deputy", office, tier=2.0, **where)
        deputy["person"] = str(deputy["person"]) + "乙" * (deputy["person"] == head["person"])
        team = f"1+5 {code}"
        post(team, "1+5", "leader", office, **where)
        for number, department in enumerate(FIVE, 1):
            row = post(team, "1+5", "member", department, **where)
            row["person"] = f"{row['person']}{number}"
        post(f"执法{code}", "enforcement", "leader", f"Z{code[6:]}", **where)
    changing = rng.permutation(len(communities))[: max(2, round(CHANGES * len(communities)))]
    for i, (code, street) in enumerate(communities):
        team, where = f"街长{code}", {"area_set": "community", "area": code}
        row = chief(team, 3, seat(street), f"街长{street}", **where)
        if i in changing:
            month = _local_time(str(pd.Period(FIRST, "M") + int(rng.integers(2, MONTHS - 2))))
            ends, begins = (month, month) if i != changing[0] else map(_local_time, VACANT)
            row["valid_to"] = ends
            after = chief(team, 3, seat(street), f"街长{street}", valid_from=begins, **where)
            after["person"] = str(after["person"]) + "乙" * (after["person"] == row["person"])
    main = roads[roads["kind"] == "primary"].sort_values("code", kind="stable")
    for code in main["code"].head(plan.count(ROADS, 2)):
        row = chief(f"路长{code}", 3, "CG05", top, place_kind="road", place=code, valid_from=first, valid_to=last)
        row["role"] = "路长"
    vacant = f"街长{communities[changing[0]][0]}"
    hole = {
        "kind": "chief", "tier": 3.0, "area_set": "community", "area": communities[changing[0]][0],
        "from": _local_time(VACANT[0]), "to": _local_time(VACANT[1]), "last_team": vacant, "next_team": vacant,
    }  # fmt: skip
    frame = pd.DataFrame(rows)
    for name in ("valid_from", "valid_to"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame, hole


def _local_time(text: str) -> pd.Timestamp:
    """The first instant of a day or month of the city, UTC."""
    return pd.Timestamp(text, tz=ZONE).tz_convert("UTC").as_unit("us")
