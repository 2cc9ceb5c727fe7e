"""A street plan on which every answer can be worked out with pencil and ruler; docs/street-plan.md does it.

Metres from the corner of the plan; north is up. ``python -m tests.street_plan`` draws docs/img/street_plan.png.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from gis.exact import footprint
from gis.snapshot import Snapshot
from tests import town
from tests.ruled_town import day, line
from tests.town import box, frame, point

DOCS = Path(__file__).resolve().parent.parent / "docs"
REFORM = day("2026-07-01")
NAMES = {
    "GOV": "区政府", "WST": "西街道办", "EST": "东街道办", "ROAD": "市政中心", "SWP": "环卫中心", "SWP2": "环卫二公司",
    "GRN": "园林中心", "RIV": "河道中心", "PARK": "国有公园公司", "LAMP": "路灯所", "SHPA": "甲店", "SHPB": "乙店",
    "SHPC": "丙店", "ZJ": "住建局", "ENF": "执法队", "MKT": "市场管理公司",
}  # fmt: skip
RING_RADIUS = 20.0
E06, E07 = "2026:E06", "2026:E07"


def ring() -> shapely.LineString:
    """Centreline of the roundabout: 64 corners on a circle of 20 m around (200, 100), from the east, to the left."""
    turn = np.linspace(0, 2 * np.pi, 65)
    return line(*((200 + RING_RADIUS * np.cos(a), 100 + RING_RADIUS * np.sin(a)) for a in turn))


def layers() -> dict[str, pd.DataFrame]:
    """Frames of the plan."""
    departments = [
        {"code": code, "name": name, "parent": "SWP" if code == "SWP2" else "",
         "valid_to": REFORM if code == "SWP2" else pd.NaT}
        for code, name in NAMES.items()
    ]  # fmt: skip
    areas = [
        {"set": "district", "code": "140802", "name": "区", "department": "GOV", "geometry": box(0, 0, 600, 400)},
        {"set": "street", "code": "140802001", "name": "西街道", "parent": "140802", "department": "WST",
         "geometry": box(0, 0, 300, 400)},
        {"set": "street", "code": "140802002", "name": "东街道", "parent": "140802", "department": "EST",
         "geometry": box(300, 0, 300, 400)},
    ]  # fmt: skip
    rules = [
        {"class": "2026:C01037", "duty": "maintaining", "radius_m": 15.0},
        {"class": "2026:E08", "duty": "disposing"},
        {"class": "2026:E09", "first": "locality"},
    ]
    components = [
        {"code": f"1408020103700000{k}", "class": "2026:C01037", "maintaining": "LAMP", "geometry": point(x, y)}
        for k, (x, y) in enumerate([(500, 60), (470, 60), (479, 100)], start=1)
    ]
    bend, wall = line((40, 40), (100, 40), (100, 100)), line((420, 150), (420, 120), (450, 120))
    lawn = shapely.Polygon(box(480, 40, 80, 80).exterior, [box(510, 70, 20, 20).exterior])
    zones = [
        {"code": "BORDER", "name": "界路", "department": "WST", "joint": "EST", "classes": E06, "width_m": 20.0,
         "geometry": line((300, 0), (300, 400))},
        {"code": "BEND", "name": "弯路", "department": "ROAD", "classes": E06, "width_m": 12.0, "geometry": bend},
        {"code": "INNER", "name": "弯路内侧", "department": "SWP", "classes": E07, "width_m": 10.0,
         "side": "left", "geometry": bend},
        {"code": "OUTER", "name": "弯路外侧", "department": "GRN", "classes": E07, "width_m": 10.0,
         "side": "right", "geometry": bend},
        {"code": "RING", "name": "环岛", "department": "ROAD", "classes": E06, "width_m": 8.0,
         "geometry": ring()},
        {"code": "ISLAND", "name": "环岛绿地", "department": "GRN", "classes": "*",
         "geometry": shapely.Polygon(shapely.get_coordinates(ring()))},
        {"code": "ARM", "name": "西引道", "department": "SWP", "classes": E06, "width_m": 12.0, "to_m": 56.0,
         "geometry": line((120, 100), (280, 100))},
        {"code": "NORTH", "name": "北幅", "department": "SWP", "classes": E06, "width_m": 10.0,
         "geometry": line((280, 206), (20, 206))},
        {"code": "SOUTH", "name": "南幅", "department": "SWP2", "classes": E06, "width_m": 10.0,
         "geometry": line((20, 194), (280, 194))},
        {"code": "MEDIAN", "name": "中央绿带", "department": "GRN", "classes": E06, "geometry": box(20, 199, 260, 2)},
        {"code": "SHOPA", "name": "甲店门前", "department": "SHPA", "classes": E06, "width_m": 5.0,
         "side": "right", "to_m": 30.0, "geometry": wall},
        {"code": "SHOPB", "name": "乙店门前", "department": "SHPB", "classes": E06, "width_m": 5.0,
         "side": "right", "from_m": 30.0, "geometry": wall},
        {"code": "SHOPC", "name": "丙店门前", "department": "SHPC", "classes": E07, "width_m": 5.0, "side": "right",
         "geometry": wall},
        {"code": "RIVER", "name": "河道", "department": "RIV", "classes": E06, "width_m": 30.0,
         "geometry": line((320, 300), (590, 300))},
        {"code": "BANKN", "name": "北岸", "department": "GRN", "classes": E06, "width_m": 10.0, "side": "left",
         "geometry": line((320, 315), (590, 315))},
        {"code": "BANKS", "name": "南岸", "department": "SWP", "classes": E06, "width_m": 10.0, "side": "right",
         "geometry": line((320, 285), (590, 285))},
        {"code": "BRIDGE", "name": "桥面河道不管", "department": "RIV", "classes": E06, "effect": "never",
         "geometry": box(440, 280, 20, 40)},
        {"code": "LAWN", "name": "国有公园", "department": "PARK", "classes": "C E", "effect": "only",
         "geometry": lawn},
        {"code": "SITE", "name": "工地", "department": "ZJ", "classes": "2026:E08", "duty": "supervising",
         "geometry": box(40, 300, 50, 50)},
        {"code": "PATROL", "name": "执法区", "department": "ENF", "classes": "2026:E08", "duty": "disposing",
         "geometry": box(0, 250, 200, 150)},
        {"code": "MARKET", "name": "市场", "department": "MKT", "classes": "2026:E09",
         "geometry": box(440, 50, 40, 30)},
    ]  # fmt: skip
    return {
        "departments": frame("departments", departments),
        "areas": frame("areas", areas),
        "rules": frame("rules", rules),
        "components": frame("components", components),
        "zones": frame("zones", zones),
    }


def compiled() -> Snapshot:
    """The plan as it is asked."""
    return Snapshot.compile(town.CITY, layers(), at=REFORM, known_at=REFORM)


@dataclass(frozen=True)
class Worked:
    """A case as the paper has it: place, class, what it names, day; owner, rule, what decided, whether on a border."""

    number: int
    x: float
    y: float
    klass: str
    named: str
    at: pd.Timestamp
    owner: str
    rule: str
    by: str
    edge: bool


def worked() -> list[Worked]:
    """The cases of docs/street-plan.md."""
    place, asked = r"(\d+) \| \(([\d.]+), ([\d.]+)\)", r"`(\S+)`( names (\S+))? \| (\S+)"
    row = re.compile(rf"^\| {place} \| {asked} \| (\w+) \| `(\w+)`( (\w+))?( edge)? \|")
    found = (row.match(text) for text in (DOCS / "street-plan.md").read_text(encoding="utf-8").splitlines())
    return [
        Worked(int(m[1]), float(m[2]), float(m[3]), m[4], m[6] or "", day(m[7]), "" if m[8] == "nobody" else m[8], m[9],
               m[11] or "", bool(m[12]))
        for m in found if m
    ]  # fmt: skip


# Drawing ------------------------------------------------------------------------------------------------

COLOURS = {
    "BORDER": "#8da0cb", "BEND": "#bdbdbd", "INNER": "#a6d854", "OUTER": "#66c2a5", "RING": "#bdbdbd",
    "ISLAND": "#a1d99b", "ARM": "#e5c494", "NORTH": "#fdd49e", "SOUTH": "#fdbb84", "MEDIAN": "#31a354",
    "SHOPA": "#fb9a99", "SHOPB": "#e31a1c", "SHOPC": "#fdbf6f", "RIVER": "#9ecae1", "BANKN": "#74c476",
    "BANKS": "#e5c494", "BRIDGE": "none", "LAWN": "#c7e9c0", "SITE": "#dadaeb", "PATROL": "#f2f0f7",
    "MARKET": "#fde0dd",
}  # fmt: skip
ORDER = ("PATROL", "SITE", "OUTER", "INNER", "BEND", "ISLAND", "RING", "ARM", "SHOPC")
"""Drawn from below to above; the others come after these."""
WORDS = {
    "BORDER": (300, 375), "BEND": (60, 40), "INNER": (62, 62), "OUTER": (140, 48), "RING": (200, 78),
    "ISLAND": (210, 124), "ARM": (140, 100), "NORTH": (60, 206), "SOUTH": (60, 194), "MEDIAN": (240, 200),
    "SHOPA": (388, 142), "SHOPB": (482, 138), "SHOPC": (388, 106), "RIVER": (540, 300), "BANKN": (540, 320),
    "BANKS": (540, 280), "BRIDGE": (450, 330), "LAWN": (535, 108), "SITE": (65, 342), "PATROL": (150, 380),
    "MARKET": (458, 74),
}  # fmt: skip


LOW = (3, 7, 14, 16, 18, 23, 32)
"""Cases whose numbers stand below their dots, so that those of neighbours do not cover each other."""
CLOSER = {
    "弯路": (30, 115, 22, 107), "环岛与引道": (106, 236, 66, 134), "双幅路": (132, 168, 185, 213),
    "转角商铺": (406, 456, 106, 152), "界路": (288, 322, 38, 62), "公园与市场": (436, 566, 34, 124),
    "河与两岸": (380, 480, 270, 332),
}  # fmt: skip
"""Parts that are drawn again from nearer by: west, east, south, north."""


def draw(path: Path = DOCS / "img" / "street_plan.png") -> Path:
    """Draw the plan, and parts of it from nearer by with the numbers of the cases."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams["font.family"] = ["Noto Sans CJK SC", "Noto Serif CJK SC", "DejaVu Sans"]
    figure = plt.figure(figsize=(16, 15), dpi=90)
    rows = figure.add_gridspec(3, 4, height_ratios=(2.2, 1, 1), hspace=0.16, wspace=0.12)
    whole = figure.add_subplot(rows[0, :])
    _draw(whole, "责任区（编码 名称）", (-8, 668, -8, 408), words=True)
    for name, (west, east, south, north) in CLOSER.items():
        whole.plot([west, east, east, west, west], [south, south, north, north, south], color="#08519c", lw=1)
        whole.text(west, north + 2, name, fontsize=8, color="#08519c")
    for k, (name, window) in enumerate(CLOSER.items()):
        _draw(figure.add_subplot(rows[1 + k // 4, k % 4]), name, window, words=False)
    rest = figure.add_subplot(rows[2, 3])
    _draw(rest, "工地与执法区", (0, 210, 245, 405), words=False)
    figure.savefig(path, metadata={"Software": None}, bbox_inches="tight")
    plt.close(figure)
    return path


def _draw(axes, title: str, window: tuple[float, float, float, float], *, words: bool) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    frames = layers()
    zones, grounds = frames["zones"].set_index("code"), ground()
    for code in (*ORDER, *(c for c in grounds if c not in ORDER)):
        shape = shapely.transform(grounds[code], lambda xy: xy - (town.X0, town.Y0))
        rings = [shapely.get_coordinates(r) for r in shapely.get_rings(shapely.get_parts(shape))]
        outline = Outline.make_compound_path(*(Outline(r, closed=True) for r in rings))
        look = {"edgecolor": "#636363", "lw": 0.6}
        if code == "BRIDGE":
            look = {"edgecolor": "#b2182b", "lw": 1.6, "hatch": "///"}
        axes.add_patch(PathPatch(outline, facecolor=COLOURS[code], **look))
    for x in (0, 300, 600):
        axes.plot([x, x], [0, 400], color="#252525", lw=1.2, ls=(0, (6, 3)))
    for y in (0, 400):
        axes.plot([0, 600], [y, y], color="#252525", lw=1.2, ls=(0, (6, 3)))
    lamps = shapely.get_coordinates(frames["components"].geometry) - (town.X0, town.Y0)
    axes.plot(*lamps.T, "*", color="#ff7f00", ms=12, mec="black", mew=0.6)
    by_place: dict[tuple[float, float], list[str]] = {}
    for case in worked():
        by_place.setdefault((case.x, case.y), []).append(str(case.number))
    west, east, south, north = window
    for (x, y), numbers in by_place.items():
        axes.plot(x, y, "o", color="black", ms=3)
        if not words and west < x < east and south < y < north:
            low = int(numbers[0]) in LOW
            place = {"xytext": (4, -11 if low else 3), "textcoords": "offset points", "fontsize": 9, "weight": "bold"}
            axes.annotate(", ".join(numbers), (x, y), **place)
    if words:
        box_ = {"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.7}
        for code, (x, y) in WORDS.items():
            axes.text(x, y, f"{code} {zones['name'][code]}", fontsize=8, ha="center", va="center", bbox=box_)
        axes.text(20, 8, "西街道 WST", fontsize=13)
        axes.text(330, 8, "东街道 EST", fontsize=13)
        axes.annotate("42", (650, 100), xytext=(4, 3), textcoords="offset points", fontsize=9, weight="bold")
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    axes.set_title(title, fontsize=11)


def ground() -> dict[str, shapely.Geometry]:
    """What each zone covers."""
    zones = layers()["zones"]
    along = {name: zones[name].to_numpy(object) for name in ("side", "from_m", "to_m")}
    return dict(zip(zones["code"], footprint(zones.geometry, zones["width_m"].fillna(0.0), **along), strict=True))


if __name__ == "__main__":
    print(draw())
