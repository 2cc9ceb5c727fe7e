"""Departments of the demo city and the class rules of the Yuncheng table of responsible bodies."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from gis.demo.plan import REFORM, table
from grids.catalog import catalog

TERRITORIAL = ("所属街办", "属地")
"""Bodies that mean "whoever has the territory": such a class has no competent department of its own."""

MAJORS = {
    "C01": ("maintaining", 15.0, "CG01"),
    "C02": ("maintaining", 25.0, "GA01"),
    "C03": ("maintaining", 25.0, "CG05"),
    "C04": ("maintaining", 15.0, "CG04"),
    "C05": ("owning", 40.0, "YH"),
    "E06": ("", np.nan, ""),
    "E07": ("", np.nan, "CG09"),
    "E08": ("", np.nan, "ZJ"),
    "E09": ("", np.nan, ""),
    "E10": ("", np.nan, "CG01"),
}
"""Rules of 2026 classes without a counterpart in the table, by major class: duty, radius in metres, department."""


ENDED = ("HW02",)
"""Departments that the reform does away with: who is above them stands for them."""

FIRST = {
    "2026:E": "events go to the locality first, then to owners",
    "2026:C04": "greenery goes to whoever keeps the ground first",
}
"""Groups of classes for which the locality is asked before owners, and why: a choice of the demo city."""

DISPOSING = "2026:E08"
"""Classes for which the new edition asks who disposes: enforcement, not the bureau that supervises building sites."""


def make_departments(streets: list[str]) -> pd.DataFrame:
    """The layer ``departments``: city offices, utilities, and a street office with enforcement for each street."""
    rows = table("departments").drop(columns="aliases")
    names = table("streets").set_index("code")["name"]
    local = []
    for code in streets:
        if code == "140802404":
            continue
        name, tail = names[code], code[6:]
        seat = f"{name}办事处" if name.endswith("街道") else f"{name}人民政府"
        local.append((f"S{tail}", seat, "YH", "street_office"))
        local.append((f"Z{tail}", f"{name}综合行政执法队", f"S{tail}", "enforcement"))
    local.append(("Z404", "开发区综合行政执法队", "DZ", "enforcement"))
    rows = pd.concat([rows, pd.DataFrame(local, columns=["code", "name", "parent", "kind"])], ignore_index=True)
    rows["phone"] = [f"0359-{2_000_000 + 37 * i:07d}" for i in range(len(rows))]
    rows = _dated(rows)
    rows.loc[rows["code"].isin(ENDED), "valid_to"] = REFORM
    return rows


def seat(street: str) -> str:
    """Department that answers for a street's territory."""
    return "DZ" if street == "140802404" else f"S{street[6:]}"


def make_rules() -> pd.DataFrame:
    """The layer ``rules``: one row for each class of the table, its 2026 counterpart, and every other 2026 class."""
    bodies = read_bodies()
    mix = table("component_mix")
    radius = dict(zip("2026:C" + mix["code"], mix["radius_m"].astype(float), strict=True))
    rows = []
    for row in bodies.itertuples(index=False):
        event = ":E" in row.class_
        reach = np.nan if event else radius.get(row.modern, 20.0)
        duty = "" if event else ("owning" if row.department in ("SY", "") else "maintaining")
        texts = dict.fromkeys([row.class_, row.modern])
        rows += [(text, duty, reach, row.department, row.name, False, row.note) for text in texts if text]
    known = {row[0] for row in rows}
    modern = catalog().classes
    for row in modern[modern["edition"] == "2026"].itertuples(index=False):
        text = f"2026:{row.kind}{row.code}"
        if text not in known:
            duty, reach, department = MAJORS[row.kind + row.major_code]
            note = "by major class; no source names this class"
            rows.append((text, duty, radius.get(text, reach), department, row.name_zh, True, note))
    columns = ["class", "duty", "radius_m", "department", "name", "invented", "note"]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates("class")
    groups = [(text, "", np.nan, "", "", True, note) for text, note in FIRST.items()]
    groups.append((DISPOSING, "disposing", np.nan, "", "", True, "who disposes, not who supervises"))
    frame = pd.concat([frame, pd.DataFrame(groups, columns=columns)]).sort_values("class", kind="stable")
    frame["first"] = np.where(frame["class"].isin(list(FIRST)), "locality", "")
    return _dated(frame.reset_index(drop=True))


def read_bodies() -> pd.DataFrame:
    """Yuncheng's table, its bodies read: class_, modern (2026), name, maintaining, supervising, department.

    ``department`` is "" where the table names a territorial body: the territory decides.
    """
    frame, cross = catalog().bodies, catalog().crosswalk
    cross = cross[(cross["code_2026"] != "") & (cross["match"] != "different")]
    modern = dict(zip(cross["kind"] + cross["code_2013"], cross["kind"] + cross["code_2026"], strict=True))
    name = dict(zip(cross["kind"] + cross["code_2013"], cross["name_2013"], strict=True))
    alias: dict[str, str] = {}
    for row in table("departments").itertuples(index=False):
        alias |= dict.fromkeys([row.name, *filter(None, row.aliases.split(";"))], row.code)
    out = []
    for row in frame[frame["edition"] == "2013"].itertuples(index=False):
        key = row.kind + row.code
        units = [part.strip() for part in re.split("[;、]", row.disposal_units) if part.strip()]
        above = [part.strip() for part in re.split("[;、]", row.supervising_departments) if part.strip()]
        local = any(unit.startswith(TERRITORIAL) for unit in units)
        known = [alias[unit] for unit in units if unit in alias]
        top = [alias[unit] for unit in above if unit in alias]
        out.append(
            {
                "class_": f"2013:{key}",
                "modern": f"2026:{modern[key]}" if key in modern else "",
                "name": name.get(key, ""),
                "maintaining": next((code for code in known if code != "SY"), ""),
                "supervising": top[0] if top else "CG",
                "department": "" if local or not known else known[0],
                "note": "; ".join(units),
            }
        )
    return pd.DataFrame(out)


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with open validity."""
    frame["valid_from"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    frame["valid_to"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return frame
