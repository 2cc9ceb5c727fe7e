"""Patrol staff: 55 people in 5 teams that move on to the next patrol area every month."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gis.demo.plan import Plan

FIRST, MONTHS = "2025-07", 18
TEAMS, STAFF = 5, 55
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


def make_rosters(plan: Plan) -> pd.DataFrame:
    """The layer ``rosters``: one row for each person and month; names are invented."""
    rng = plan.stream("rosters")
    surname, given = rng.integers(0, len(SURNAMES), STAFF), rng.permutation(np.arange(STAFF) % len(GIVEN))
    names = [SURNAMES[s] + GIVEN[g] for s, g in zip(surname, given, strict=True)]
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[i] = name if seen[name] == 1 else f"{name}{seen[name]}"
    months = pd.period_range(FIRST, periods=MONTHS, freq="M")
    begin = pd.DatetimeIndex(months.to_timestamp()).tz_localize("Asia/Shanghai").tz_convert("UTC")
    end = pd.DatetimeIndex((months + 1).to_timestamp()).tz_localize("Asia/Shanghai").tz_convert("UTC")
    month, person = np.divmod(np.arange(MONTHS * STAFF), STAFF)
    team = person % TEAMS
    return pd.DataFrame(
        {
            "team": [f"巡查{t + 1}队" for t in team],
            "person": np.array(names, object)[person],
            "role": np.where(person < TEAMS, "leader", "patrol"),
            "department": "CG07",
            "area_set": "patrol",
            "area": [f"P{(t + m) % TEAMS + 1}" for t, m in zip(team, month, strict=True)],
            "phone": [f"0359-{8_000_000 + p:07d}" for p in person],
            "valid_from": begin[month].astype("datetime64[us, UTC]"),
            "valid_to": end[month].astype("datetime64[us, UTC]"),
        }
    )
